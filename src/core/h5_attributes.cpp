// Attributes of groups and datasets.
#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

Handle string_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "copy the string type");
  ok(H5Tset_size(type.id(), H5T_VARIABLE), "set a variable length");
  ok(H5Tset_cset(type.id(), H5T_CSET_UTF8), "set UTF-8");
  return type;
}

}  // namespace

void File::set_scalar(const std::string& object, const std::string& name, hid_t type,
                      const void* value) {
  const auto target = open_object(file_, object);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose, "make a dataspace");
  const Handle attribute(
      H5Acreate2(target.id(), name.c_str(), type, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
      cat("create attribute ", name));
  ok(H5Awrite(attribute.id(), type, value), cat("write attribute ", name));
}
void File::set(const std::string& object, const std::string& name, const std::string& value) {
  if (value.size() < 60000) {  // variable length: h5py shows a plain str
    const char* text = value.c_str();
    set_scalar(object, name, string_type().id(), static_cast<const void*>(&text));
    return;
  }
  throw InternalError(
      cat("attribute ", name, " is too long for HDF5's 64 KiB: ", value.size(), " bytes"));
}
void File::set(const std::string& object, const std::string& name, std::int64_t value) {
  set_scalar(object, name, H5T_NATIVE_INT64, &value);
}
void File::set(const std::string& object, const std::string& name, double value) {
  set_scalar(object, name, H5T_NATIVE_DOUBLE, &value);
}

bool File::has_attribute(const std::string& object, const std::string& name) const {
  if (!has(object)) return false;
  return H5Aexists_by_name(file_.id(), object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}
void File::get_scalar(const std::string& object, const std::string& name, hid_t type,
                      void* value) const {
  if (!has_attribute(object, name))
    throw InputError(cat(path_, " lacks the attribute ", name),
                     "it is not a file of this kind, or of another version",
                     "make it again with this fedfuse");
  const Handle attribute(
      H5Aopen_by_name(file_.id(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
      cat("open attribute ", name));
  ok(H5Aread(attribute.id(), type, value), cat("read attribute ", name));
}
std::string File::text(const std::string& object, const std::string& name) const {
  char* value = nullptr;
  get_scalar(object, name, string_type().id(), static_cast<void*>(&value));
  std::string copy = value != nullptr ? value : "";
  H5free_memory(value);
  return copy;
}
std::int64_t File::integer(const std::string& object, const std::string& name) const {
  std::int64_t value = 0;
  get_scalar(object, name, H5T_NATIVE_INT64, &value);
  return value;
}
double File::number(const std::string& object, const std::string& name) const {
  double value = 0;
  get_scalar(object, name, H5T_NATIVE_DOUBLE, &value);
  return value;
}

}  // namespace fedfuse::h5
