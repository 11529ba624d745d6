#pragma once
// HDF5's ids, owned, and its calls, checked.
#include <hdf5.h>

#include <string>
#include <vector>

namespace fedfuse::h5 {

// InternalError "HDF5 could not <what>" when a call failed.
void ok(herr_t status, const std::string& what);
// The messages of HDF5's last call that failed, the innermost first; every further call clears
// them.
[[nodiscard]] std::vector<std::string> last_errors();
[[nodiscard]] std::string last_error();  // the innermost, or ""

class Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Closer closer, const std::string& what);  // throws when id < 0
  ~Handle();
  Handle(Handle&& other) noexcept;
  Handle& operator=(Handle&& other) noexcept;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  void close(const std::string& what);  // throws when that fails
  [[nodiscard]] hid_t id() const { return id_; }
  [[nodiscard]] explicit operator bool() const { return id_ >= 0; }

 private:
  hid_t id_ = -1;
  Closer close_ = nullptr;
};

template <class T>
hid_t type_of();  // float, double, int32, int64, uint8, uint64

}  // namespace fedfuse::h5
