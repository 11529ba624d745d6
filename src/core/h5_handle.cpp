#include "core/h5_handle.hpp"

#include <cstdint>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

herr_t add_error(unsigned, const H5E_error2_t* error, void* errors) {
  static_cast<std::vector<std::string>*>(errors)->emplace_back(error->desc != nullptr ? error->desc
                                                                                      : "");
  return 0;
}

}  // namespace

std::vector<std::string> last_errors() {
  std::vector<std::string> errors;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, add_error, &errors);
  return errors;
}

std::string last_error() {
  const auto errors = last_errors();
  return errors.empty() ? "" : errors.front();
}

void ok(herr_t status, const std::string& what) {
  if (status < 0) throw InternalError(cat("HDF5 could not ", what));
}

Handle::Handle(hid_t id, Closer closer, const std::string& what) : id_(id), close_(closer) {
  if (id < 0) throw InternalError(cat("HDF5 could not ", what));
}
Handle::~Handle() {
  if (id_ >= 0) close_(id_);
}
void Handle::close(const std::string& what) {
  if (id_ >= 0) ok(close_(std::exchange(id_, -1)), what);
}
Handle::Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
Handle& Handle::operator=(Handle&& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(close_, other.close_);
  return *this;
}

template <>
hid_t type_of<float>() {
  return H5T_NATIVE_FLOAT;
}
template <>
hid_t type_of<double>() {
  return H5T_NATIVE_DOUBLE;
}
template <>
hid_t type_of<std::int32_t>() {
  return H5T_NATIVE_INT32;
}
template <>
hid_t type_of<std::int64_t>() {
  return H5T_NATIVE_INT64;
}
template <>
hid_t type_of<std::uint8_t>() {
  return H5T_NATIVE_UINT8;
}
template <>
hid_t type_of<std::uint64_t>() {
  return H5T_NATIVE_UINT64;
}

}  // namespace fedfuse::h5
