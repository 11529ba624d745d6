#pragma once
// Named sets of option values for `fedfuse train --preset`: settings of a publication, in a table.
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"

namespace fedfuse {

struct Preset {
  std::string_view name, what;
  std::string_view toml;  // as in --config
};
[[nodiscard]] const std::vector<Preset>& presets();
// Sets the values of a preset. InputError: no preset has the name.
void apply_preset(Config& config, const std::string& name);
[[nodiscard]] std::string preset_names();  // joined for --help
[[nodiscard]] std::string presets_text();  // every preset with its values, for people

}  // namespace fedfuse
