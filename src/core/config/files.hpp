#pragma once
// What a run reads and writes.
#include <cstdint>
#include <string>

namespace fedfuse {

struct FileOptions {
  std::string data, out;
  bool overwrite = false;
  std::int64_t save_every = 0;  // rounds between intermediate result files; 0: only at the end
  bool operator==(const FileOptions&) const = default;
};
void validate(const FileOptions& options);  // InputError

}  // namespace fedfuse
