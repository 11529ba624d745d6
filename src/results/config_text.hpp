#pragma once
// Config as text: TOML for people, JSON for programs. Both name the fields as Config does; dashes
// are taken for underscores. Unknown keys are errors that name them.
#include <string>

#include "core/config.hpp"

namespace fedfuse {

[[nodiscard]] std::string config_to_json(const Config& config);
[[nodiscard]] Config config_from_json(const std::string& text);
[[nodiscard]] std::string config_to_toml(const Config& config);
// Sets the fields that the text names. InputError with the line, or the key that is unknown or of
// the wrong type. source: for messages.
void apply_toml(Config& config, const std::string& text, const std::string& source);
void apply_toml_file(Config& config, const std::string& path);

}  // namespace fedfuse
