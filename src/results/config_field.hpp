#pragma once
// What is known of a field of Config beside its value.
#include <string>
#include <vector>

#include "core/choice.hpp"

namespace fedfuse {

// Named as its heading in --help.
enum class ConfigSection {
  files,
  model,
  federation,
  participation,
  gfmfr,
  prior,
  fedvlr,
  features,
  privacy,
  attack,
  secure,
  evaluation,
  device,
  execution,
  restart
};
template <>
inline constexpr auto choice_names<ConfigSection> = std::array{
    Named{ConfigSection::files, "Files"},
    Named{ConfigSection::model, "Model"},
    Named{ConfigSection::federation, "Federation"},
    Named{ConfigSection::participation, "Participation"},
    Named{ConfigSection::gfmfr, "GFMFR"},
    Named{ConfigSection::prior, "Group prior"},
    Named{ConfigSection::fedvlr, "FedVLR"},
    Named{ConfigSection::features, "Features"},
    Named{ConfigSection::privacy, "Privacy"},
    Named{ConfigSection::attack, "Attack"},
    Named{ConfigSection::secure, "Secure sum"},
    Named{ConfigSection::evaluation, "Evaluation"},
    Named{ConfigSection::device, "Device"},
    Named{ConfigSection::execution, "Execution"},
    Named{ConfigSection::restart, "Restart"},
};

struct FieldText {
  const char* name;
  const char* symbol;  // in models.md, or ""
  const char* unit;    // or ""
  const char* help;
};
struct ConfigField : FieldText {
  ConfigSection section;
  // of the rows of a table that the value names; a typed choice has its names in its type
  std::vector<std::string> (*rows)() = nullptr;
};

}  // namespace fedfuse
