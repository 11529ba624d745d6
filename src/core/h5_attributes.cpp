// Attributes of groups and datasets.
#include <algorithm>
#include <cstring>
#include <limits>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

Place place_of(const std::string& path, const std::string& object, const std::string& name) {
  return {path, cat("attribute ", name, " of ", object)};
}

// Opened, and found to be one value of the kind.
struct StoredAttribute {
  StoredAttribute(const Handle& file, const std::string& object, const std::string& name, Kind kind,
                  const Place& place) {
    const hid_t id =
        H5Aopen_by_name(file.id(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    place.require(id >= 0, "open it");
    attribute = Handle(id, H5Aclose, "open");
    const hid_t type_id = H5Aget_type(attribute.id());
    place.require(type_id >= 0, "read its type");
    type = Handle(type_id, H5Tclose, "get a type");
    require_kind(type.id(), kind, place);
    const hid_t space_id = H5Aget_space(attribute.id());
    place.require(space_id >= 0, "read its shape");
    const Handle space(space_id, H5Sclose, "get a dataspace");
    const auto values = H5Sget_simple_extent_npoints(space.id());
    if (H5Sget_simple_extent_type(space.id()) == H5S_NULL || values != 1)
      place.refuse(cat("it has ", values, " values, and one is wanted"));
  }
  Handle attribute, type;
};

}  // namespace

void File::set_scalar(const std::string& object, const std::string& name, hid_t type,
                      const void* value) {
  const Handle target(H5Oopen(file_.id(), object.c_str(), H5P_DEFAULT), H5Oclose,
                      cat("open ", object));
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose, "make a dataspace");
  const Handle attribute(
      H5Acreate2(target.id(), name.c_str(), type, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
      cat("create attribute ", name));
  ok(H5Awrite(attribute.id(), type, value), cat("write attribute ", name));
}
void File::set(const std::string& object, const std::string& name, const std::string& value) {
  if (value.size() >= 60000)
    throw InternalError(
        cat("attribute ", name, " is too long for HDF5's 64 KiB: ", value.size(), " bytes"));
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "copy the string type");
  ok(H5Tset_size(type.id(), std::max<std::size_t>(value.size(), 1)), "set a string length");
  ok(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "set string padding");
  ok(H5Tset_cset(type.id(), H5T_CSET_UTF8), "set UTF-8");
  set_scalar(object, name, type.id(), value.c_str());
}
void File::set(const std::string& object, const std::string& name, std::int64_t value) {
  set_scalar(object, name, H5T_NATIVE_INT64, &value);
}
void File::set(const std::string& object, const std::string& name, double value) {
  set_scalar(object, name, H5T_NATIVE_DOUBLE, &value);
}

bool File::has_attribute(const std::string& object, const std::string& name) const {
  if (!has(object)) return false;
  const auto found = H5Aexists_by_name(file_.id(), object.c_str(), name.c_str(), H5P_DEFAULT);
  place_of(path_, object, name).require(found >= 0, "look for it");
  return found > 0;
}
void File::require_attribute(const std::string& object, const std::string& name) const {
  if (!has_attribute(object, name))
    throw InputError(cat(path_, " lacks the attribute ", name, " of ", object),
                     "it is not a file of this kind, or of another version, or damaged",
                     "make it again with this fedfuse");
}
std::string File::text(const std::string& object, const std::string& name) const {
  require_attribute(object, name);
  const auto place = place_of(path_, object, name);
  const StoredAttribute stored(file_, object, name, Kind::text, place);
  const auto length = H5Tget_size(stored.type.id());
  if (std::int64_t(length) > bytes_) place.refuse(cat("it declares ", length, " bytes"));
  std::string value(length, '\0');
  place.require(H5Aread(stored.attribute.id(), stored.type.id(), value.data()) >= 0, "read it");
  value.resize(strnlen(value.data(), length));
  return value;
}
std::int64_t File::integer(const std::string& object, const std::string& name) const {
  require_attribute(object, name);
  const auto place = place_of(path_, object, name);
  const StoredAttribute stored(file_, object, name, Kind::integer, place);
  if (H5Tget_sign(stored.type.id()) == H5T_SGN_NONE) {  // HDF5 clamps what is out of range
    std::uint64_t value = 0;
    place.require(H5Aread(stored.attribute.id(), H5T_NATIVE_UINT64, &value) >= 0, "read it");
    if (value > std::uint64_t(std::numeric_limits<std::int64_t>::max()))
      place.refuse(cat(value, " is outside the range of int64"));
    return std::int64_t(value);
  }
  std::int64_t value = 0;
  place.require(H5Aread(stored.attribute.id(), H5T_NATIVE_INT64, &value) >= 0, "read it");
  return value;
}
double File::number(const std::string& object, const std::string& name) const {
  require_attribute(object, name);
  const auto place = place_of(path_, object, name);
  const StoredAttribute stored(file_, object, name, Kind::real, place);
  double value = 0;
  place.require(H5Aread(stored.attribute.id(), H5T_NATIVE_DOUBLE, &value) >= 0, "read it");
  return value;
}

}  // namespace fedfuse::h5
