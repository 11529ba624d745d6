#pragma once
// Every name that a result file may hold, with its unit and meaning: one list, from which the
// writer takes the attributes, and against which the tests hold results/README.md.
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedfuse {

struct Field {
  std::string name, unit, meaning;
};

// The tables of one row a round (baselines: one row a baseline, the columns of metrics; classes: a
// row a kind of device; activity: a row a group of clients; work: a row a rank), and the numbers
// and texts of a whole run.
enum class Section {
  metrics,
  time,
  traffic,
  groups,
  privacy,
  clock,
  classes,
  activity,
  work,
  facts,
  notes
};

[[nodiscard]] const std::vector<Field>& fields(Section section);
[[nodiscard]] bool is_column(std::string_view name);  // of any table
// A column of any table; InternalError when no section has it.
[[nodiscard]] const Field& find_column(std::string_view name);
// A field of one section, or nullptr.
[[nodiscard]] const Field* find_field(Section section, std::string_view name);

}  // namespace fedfuse
