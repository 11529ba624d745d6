#include "results/checkpoint_files.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "core/text.hpp"
#include "data/output_file.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view ending = ".h5", unfinished = ".h5.partial";

// The round in "<stem><round><ending>", or 0.
std::int64_t round_in(std::string_view name, std::string_view stem, std::string_view end) {
  if (!name.starts_with(stem) || !name.ends_with(end) || name.size() <= stem.size() + end.size())
    return 0;
  const auto digits = name.substr(stem.size(), name.size() - stem.size() - end.size());
  std::int64_t round = 0;
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), round);
  return error == std::errc() && last == digits.data() + digits.size() && round > 0 ? round : 0;
}

}  // namespace

CheckpointFiles::CheckpointFiles(const std::string& out)
    : folder_(fs::path(out).parent_path().string()),
      stem_(fs::path(without_h5(out)).filename().string() + ".ckpt.") {}

std::string CheckpointFiles::path(std::int64_t round) const {
  return (fs::path(folder_) / cat(stem_, round, ending)).string();
}

std::vector<CheckpointFile> CheckpointFiles::found() const {
  std::vector<CheckpointFile> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_.empty() ? "." : folder_, error))
    if (const auto round = round_in(entry.path().filename().string(), stem_, ending); round > 0)
      files.push_back({round, path(round)});
  std::ranges::sort(files, [](const auto& a, const auto& b) { return a.round > b.round; });
  return files;
}

void CheckpointFiles::keep_only(const std::vector<std::string>& paths) const {
  std::error_code error;
  for (const auto& file : found())
    if (std::ranges::find(paths, file.path) == paths.end()) fs::remove(file.path, error);
  for (const auto& entry : fs::directory_iterator(folder_.empty() ? "." : folder_, error))
    if (round_in(entry.path().filename().string(), stem_, unfinished) > 0)
      fs::remove(entry.path(), error);
}

}  // namespace fedfuse
