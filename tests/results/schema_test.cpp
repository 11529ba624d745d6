// The schema, and that results/README.md documents exactly what it holds.
#include "results/schema.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "core/error.hpp"
#include "results/table.hpp"

namespace fedfuse {
namespace {

constexpr Section sections[] = {Section::metrics, Section::time,     Section::traffic,
                                Section::groups,  Section::privacy,  Section::clock,
                                Section::classes, Section::activity, Section::work,
                                Section::facts,   Section::notes};
constexpr const char* headings[] = {"### /metrics", "### /time",  "### /traffic", "### /groups",
                                    "### /privacy", "### /clock", "### /classes", "### /activity",
                                    "### /work",    "### /facts", "### notes"};

// "{a,b}_{c,d}" -> a_c a_d b_c b_d; "{,_warm}" has an empty choice.
std::vector<std::string> expand(const std::string& pattern) {
  const auto open = pattern.find('{');
  if (open == std::string::npos) return {pattern};
  const auto close = pattern.find('}', open);
  std::vector<std::string> all;
  std::string choice;
  for (auto at = open + 1; at <= close; ++at) {
    if (pattern[at] != ',' && at != close) {
      choice += pattern[at];
      continue;
    }
    for (const auto& rest : expand(pattern.substr(close + 1)))
      all.push_back(pattern.substr(0, open) + choice + rest);
    choice.clear();
  }
  return all;
}

// Names in back quotes in the first cell of the rows of the table under a heading.
std::multiset<std::string> documented(const std::string& heading) {
  std::ifstream in(std::string(FEDFUSE_SOURCE_DIR) + "/results/README.md");
  std::multiset<std::string> names;
  bool here = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) here = line == heading;
    if (!here || !line.starts_with("| `")) continue;
    const auto cell = line.substr(0, line.find('|', 1));
    for (std::size_t at = cell.find('`'); at != std::string::npos; at = cell.find('`', at + 1)) {
      const auto end = cell.find('`', at + 1);
      for (const auto& name : expand(cell.substr(at + 1, end - at - 1))) names.insert(name);
      at = end;
    }
  }
  return names;
}

TEST(Schema, names_are_unique_and_explained) {
  for (const auto section : sections) {
    std::set<std::string> seen;
    for (const auto& field : fields(section)) {
      EXPECT_TRUE(seen.insert(field.name).second) << field.name;
      EXPECT_FALSE(field.meaning.empty()) << field.name;
      EXPECT_EQ(field.unit.empty(), section == Section::notes) << field.name;
    }
  }
}

TEST(Schema, readme_documents_every_field_and_no_other) {
  for (std::size_t s = 0; s < std::size(sections); ++s) {
    std::multiset<std::string> names;
    for (const auto& field : fields(sections[s])) names.insert(field.name);
    EXPECT_EQ(documented(headings[s]), names) << headings[s];
  }
}

TEST(Table, missing_cells_are_nan_and_unknown_names_are_mistakes) {
  Table table;
  EXPECT_THROW(table.set("loss", 1), InternalError);  // before the first row
  table.begin_row();
  table.set("round", 1);
  table.begin_row();
  table.set("loss", 0.5);
  EXPECT_EQ(table.rows(), 2u);
  EXPECT_TRUE(std::isnan(table.at("loss", 0)));
  EXPECT_EQ(table.at("loss", 1), 0.5);
  EXPECT_TRUE(std::isnan(table.at("round", 1)));
  EXPECT_TRUE(std::isnan(table.at("test_hr_50_cold", 1)));
  EXPECT_THROW(table.set("no_such_column", 1), InternalError);
  EXPECT_THROW(static_cast<void>(table.at("no_such_column", 0)), InternalError);
  EXPECT_THROW(static_cast<void>(table.at("loss", 2)), InternalError);
  EXPECT_EQ(table.find("loss")->unit, "1");
}

}  // namespace
}  // namespace fedfuse
