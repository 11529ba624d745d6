// The map of the house: data flows core -> model -> privacy -> kernels -> secure -> data ->
// clients -> aggregation -> server -> evaluation -> results -> app. A file includes only its own
// room and rooms to its left, and no source file has more than 300 lines.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fedfuse {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 12> rooms{"core",   "model",      "privacy", "kernels",
                                                 "secure", "data",       "clients", "aggregation",
                                                 "server", "evaluation", "results", "app"};
constexpr std::size_t max_lines = 300;
const std::set<std::string> source_types{".cpp", ".hpp", ".h",     ".cu", ".cuh",
                                         ".py",  ".sh",  ".cmake", ".in"};

std::ptrdiff_t place(std::string_view room) {
  return std::ranges::find(rooms, room) - rooms.begin();
}
bool is_room(std::string_view name) { return place(name) < std::ptrdiff_t(rooms.size()); }

// path: relative to the repository, with '/'. "" when the file stands in no room.
std::string room_of(const std::string& path) {
  if (path.starts_with("kernels/")) return "kernels";
  if (!path.starts_with("src/")) return "";
  const auto name = path.substr(4, path.find('/', 4) - 4);
  return is_room(name) ? name : "";
}

// What is wrong with a file of these contents, in words.
std::vector<std::string> complaints(const std::string& path, const std::string& text) {
  std::vector<std::string> found;
  static const std::regex include(R"re(^\s*#\s*include\s*"([^"]+)")re");
  const auto here = room_of(path);
  std::istringstream lines(text);
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (here.empty() || !std::regex_search(line, match, include)) continue;
    const std::string target = match[1];
    const auto there = target.substr(0, target.find('/'));
    const bool beside = target.find('/') == std::string::npos;
    const auto at = path + ":" + std::to_string(number) + ": ";
    if (beside) continue;
    if (!is_room(there))
      found.push_back(at + "\"" + target + "\" does not begin with a room");
    else if (place(there) > place(here))
      found.push_back(at + here + " includes " + target + ", a room to its right");
  }
  if (number > max_lines)
    found.push_back(path + ": " + std::to_string(number) + " lines, at most " +
                    std::to_string(max_lines));
  return found;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<fs::path> sources() {
  std::vector<fs::path> files;
  for (const auto* folder : {"src", "kernels", "tests", "bench", "jobs"}) {
    const auto top = fs::path(FEDFUSE_SOURCE_DIR) / folder;
    if (!fs::exists(top)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(top))
      if (entry.is_regular_file() && source_types.contains(entry.path().extension().string()))
        files.push_back(entry.path());
  }
  return files;
}

TEST(Layout, RoomsIncludeOnlyToTheirLeftAndFilesAreSmall) {
  const auto files = sources();
  EXPECT_GT(files.size(), 50u) << "the walk does not find the sources under " << FEDFUSE_SOURCE_DIR;
  for (const auto& file : files)
    for (const auto& complaint :
         complaints(fs::relative(file, FEDFUSE_SOURCE_DIR).generic_string(), read(file)))
      ADD_FAILURE() << complaint;
}

// A source that no CMakeLists.txt names is never compiled.
TEST(Layout, EverySourceIsBuilt) {
  for (const auto& file : sources()) {
    if (file.extension() != ".cpp") continue;
    const auto lists = file.parent_path() / "CMakeLists.txt",
               above = file.parent_path().parent_path() / "CMakeLists.txt";
    const auto named = [&](const fs::path& list) {
      return fs::exists(list) && read(list).find(file.filename().string()) != std::string::npos;
    };
    EXPECT_TRUE(named(lists) || named(above)) << file;
  }
}

TEST(Layout, TheCheckItselfComplains) {
  EXPECT_TRUE(
      complaints("src/server/round.cpp",
                 "#include \"server/round.hpp\"\n#include \"core/comm.hpp\"\n#include <vector>\n")
          .empty());
  EXPECT_TRUE(complaints("kernels/rank/rank.cpp",
                         "#include \"kernels/rank/rank.hpp\"\n#include \"model/head.hpp\"\n")
                  .empty());
  EXPECT_EQ(complaints("src/core/comm.cpp", "#include \"model/head.hpp\"\n").size(), 1u);
  EXPECT_EQ(complaints("src/model/head.cpp", "  #  include \"kernels/rank/rank.hpp\"\n").size(),
            1u);
  EXPECT_EQ(complaints("kernels/rank/rank.cpp", "\n#include \"data/dataset.hpp\"\n").size(), 1u);
  EXPECT_EQ(complaints("src/data/x.cpp", "#include \"../core/comm.hpp\"\n").size(), 1u);
  std::string text;
  for (std::size_t i = 0; i < max_lines; ++i) text += "x\n";
  EXPECT_TRUE(complaints("tests/x.cpp", text).empty());
  EXPECT_EQ(complaints("tests/x.cpp", text + "x").size(), 1u);
}

}  // namespace
}  // namespace fedfuse
