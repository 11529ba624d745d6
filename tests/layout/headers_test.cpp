// A function that x.hpp declares is defined in x.cpp or x_<part>.cpp; in kernels/, anywhere in the
// folder of the kernel. A heuristic over statements that begin in the first column.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace fedfuse {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;  // path below the repository -> text

struct Statement {
  std::string function;  // the name before the first parenthesis
  bool defines = false;  // ends with a body, else with a semicolon
};

bool begins_statement(const std::string& line) {
  constexpr std::array<std::string_view, 12> others{
      "namespace", "template",   "struct ", "class ",  "enum ",    "using ",
      "inline ",   "constexpr ", "extern ", "static ", "typedef ", "union "};
  if (line.empty() || (std::isalpha(static_cast<unsigned char>(line[0])) == 0 && line[0] != '['))
    return false;
  const std::string_view rest =
      line.starts_with("[[nodiscard]] ") ? std::string_view(line).substr(14) : line;
  return std::ranges::none_of(others, [&](auto word) { return rest.starts_with(word); });
}

std::string name_before_parenthesis(const std::string& text) {
  const auto end = text.find('(');
  if (end == std::string::npos) return "";
  auto begin = end;
  const auto part_of_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
  };
  while (begin > 0 && part_of_name(text[begin - 1])) --begin;
  return begin == 0 ? "" : text.substr(begin, end - begin);
}

std::vector<Statement> statements_of(const std::string& text) {
  std::vector<Statement> found;
  std::istringstream lines(text);
  std::string open;  // a statement that has begun
  bool in_template = false;
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find("//"));
    if (open.empty()) {
      if (line.starts_with("template")) in_template = true;
      if (!begins_statement(line)) continue;
    }
    open += line + " ";
    const auto end = open.find_first_of(";{");
    if (end == std::string::npos) continue;
    const auto name = name_before_parenthesis(open.substr(0, end));
    if (!name.empty() && !in_template) found.push_back({name, open[end] == '{'});
    open.clear();
    in_template = false;
  }
  return found;
}

bool may_define(const std::string& header, const std::string& source) {
  const fs::path h(header), s(source);
  if (h.parent_path() != s.parent_path()) return false;
  return header.starts_with("kernels/") || s.stem() == h.stem() ||
         s.stem().string().starts_with(h.stem().string() + "_");
}

// Declarations whose only definitions stand elsewhere.
std::vector<std::string> misplaced(const Files& files) {
  std::map<std::string, std::vector<std::string>> defined_in;
  for (const auto& [path, text] : files)
    if (!path.ends_with(".hpp"))
      for (const auto& s : statements_of(text))
        if (s.defines) defined_in[s.function].push_back(path);
  std::vector<std::string> found;
  for (const auto& [path, text] : files) {
    if (!path.ends_with(".hpp") || path == "src/app/commands.hpp") continue;  // a list of commands
    for (const auto& s : statements_of(text)) {
      const auto& sources = defined_in[s.function];
      if (s.defines || sources.empty()) continue;
      if (std::ranges::none_of(sources, [&](const auto& f) { return may_define(path, f); }))
        found.push_back(path + " declares " + s.function + ", " + sources.front() + " defines it");
    }
  }
  return found;
}

Files files_of_the_repository() {
  Files files;
  for (const auto* folder : {"src", "kernels"})
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(FEDFUSE_SOURCE_DIR) / folder)) {
      const auto type = entry.path().extension();
      if (type != ".hpp" && type != ".cpp" && type != ".cu") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      files[fs::relative(entry.path(), FEDFUSE_SOURCE_DIR).generic_string()] = {
          std::istreambuf_iterator<char>(in), {}};
    }
  return files;
}

TEST(Headers, DeclareWhatTheirSourcesDefine) {
  const auto files = files_of_the_repository();
  EXPECT_GT(files.size(), 200u);
  for (const auto& complaint : misplaced(files)) ADD_FAILURE() << complaint;
}

TEST(Headers, TheCheckItselfComplains) {
  const std::string declared =
                        "namespace a {\n[[nodiscard]] int f(int x,\n      int y);  // why\n}\n",
                    defined = "namespace a {\nint f(int x, int y) {\n  return x;\n}\n}\n";
  EXPECT_TRUE(misplaced({{"src/core/a.hpp", declared}, {"src/core/a.cpp", defined}}).empty());
  EXPECT_TRUE(misplaced({{"src/core/a.hpp", declared}, {"src/core/a_part.cpp", defined}}).empty());
  EXPECT_EQ(misplaced({{"src/core/a.hpp", declared}, {"src/core/b.cpp", defined}}).size(), 1u);
  EXPECT_EQ(misplaced({{"src/core/a.hpp", declared}, {"src/data/a.cpp", defined}}).size(), 1u);
  EXPECT_TRUE(misplaced({{"kernels/k/a.hpp", declared}, {"kernels/k/b.cpp", defined}}).empty());
  EXPECT_TRUE(misplaced({{"src/core/a.hpp", "inline " + defined}}).empty());
}

}  // namespace
}  // namespace fedfuse
