#include "core/target_file.hpp"

#include <filesystem>
#include <system_error>

#include "fedfuse_targets.hpp"

namespace fedfuse {

std::string target_file(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  const auto installed = (folder / FEDFUSE_LIBRARY_FOLDER / name).lexically_normal();
  // in a build folder the program stands at the top, and benchmarks and tests below it
  for (const auto& path :
       {installed, folder / "lib/fedfuse" / name, folder.parent_path() / "lib/fedfuse" / name})
    if (fs::exists(path, error)) return path.string();
  return installed.string();
}

}  // namespace fedfuse
