#pragma once
// The part of TOML that a flat list of settings needs: key = value lines with strings, integers,
// floats, booleans and arrays of them, and comments. Tables, dates and multi-line strings are
// refused by name.
#include <nlohmann/json.hpp>
#include <string>

namespace fedfuse {

// InputError with source and line when the text is not of this form, names a key twice, is UTF-16
// or nests arrays deeper than 16 levels. A mark of UTF-8 at its begin is skipped.
[[nodiscard]] nlohmann::ordered_json parse_toml(const std::string& text, const std::string& source);

}  // namespace fedfuse
