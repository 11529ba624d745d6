#pragma once
// What a file declares of a dataset or attribute, judged before anything of it is allocated or
// read: HDF5 converts between classes without a word, believes every size, fills what is absent
// with zeros, and follows links into other files.
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "core/h5_handle.hpp"

namespace fedfuse::h5 {

// The classes of values that are read. text: of fixed length. HDF5 reads a text of variable length
// from a heap whose damage it does not notice: 1.10 then ends with a segmentation fault.
enum class Kind { integer, real, text };
template <class T>
inline constexpr Kind kind_of = std::is_floating_point_v<T> ? Kind::real : Kind::integer;

// Where something stands, for messages.
struct Place {
  std::string file, inside;  // inside: "/metrics/loss", "attribute unit of /metrics/loss"
  // InputError that names both
  [[noreturn]] void refuse(const std::string& why, const std::string& what_to_do = "") const;
  // refuse() with HDF5's own reason when a call failed
  void require(bool worked, const std::string& what) const;
};

struct StoredDataset {
  Handle dataset, type;
  std::vector<std::int64_t> dims;  // row-major; none: a scalar
  std::int64_t count = 1;          // product of dims
  [[nodiscard]] std::int64_t width() const { return dims.size() > 1 ? dims[1] : 1; }
};

// Whether there is such an object; InputError when a part of its path is a soft, external or
// user-defined link.
[[nodiscard]] bool links_to(const Handle& file, const Place& place);
// InputError unless its values stand in this file, all of them, and can be read. file_bytes: the
// size of the file, against which the declared size is held.
[[nodiscard]] StoredDataset open_stored(const Handle& file, const Place& place,
                                        std::int64_t file_bytes);
// InputError unless the type is of the kind, in a form that HDF5 converts exactly.
void require_kind(hid_t type, Kind kind, const Place& place);
// Conversions that refuse a value outside the range of the type that is read.
[[nodiscard]] Handle exact_transfer(bool& overflow);

}  // namespace fedfuse::h5
