#pragma once
// Config as text: TOML for people, beside the JSON of results/record.hpp. Both name the fields as
// Config does; dashes are taken for underscores.
#include <string>

#include "core/config.hpp"

namespace fedfuse {

[[nodiscard]] std::string config_to_toml(const Config& config);
// Sets the fields that the text names. InputError with the line, or the key that is unknown or of
// the wrong type. source: for messages.
void apply_toml(Config& config, const std::string& text, const std::string& source);
void apply_toml_file(Config& config, const std::string& path);

}  // namespace fedfuse
