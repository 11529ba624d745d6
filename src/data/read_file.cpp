#include "data/read_file.hpp"

#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {

std::string read_file(const std::string& path) {
  namespace fs = std::filesystem;
  const auto problem = cat("cannot read ", path);
  std::error_code error;
  if (!fs::exists(path, error))
    throw InputError(problem, "there is no such file", "check the path");
  if (fs::is_directory(path, error))
    throw InputError(problem, "it is a folder", "name a file in it");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(problem, "it cannot be opened", "check its permissions");
  std::string text;
  if (const auto size = fs::file_size(path, error); !error) {
    text.resize(size);
    file.read(text.data(), std::streamsize(size));
    text.resize(std::size_t(file.gcount()));
  } else {  // a pipe has no size
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (file.bad()) throw InputError(problem, "reading it failed half-way", "check the disk");
  if (text.empty()) throw InputError(problem, "it is empty", "check how it was made");
  return text;
}

}  // namespace fedfuse
