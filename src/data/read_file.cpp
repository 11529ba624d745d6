#include "data/read_file.hpp"

#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/text.hpp"

namespace fedfuse {

std::string read_file(const std::string& path) {
  auto text = InputFile(path).read();
  if (text.empty())
    throw InputError(cat("cannot read ", path), "it is empty", "check how it was made");
  return text;
}

}  // namespace fedfuse
