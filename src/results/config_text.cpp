#include "results/config_text.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <type_traits>
#include <vector>

#include "core/choice.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/text.hpp"
#include "results/config_fields.hpp"
#include "results/json_text.hpp"
#include "results/toml.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> field_names() {
  std::vector<std::string> names;
  const Config config;
  for_each_field(config,
                 [&](const ConfigField& field, const auto&) { names.emplace_back(field.name); });
  return names;
}

[[noreturn]] void wrong_type(const std::string& source, const std::string& key, const Json& value,
                             const char* expected) {
  throw InputError(cat(source, ": ", key, " = ", json_text(value)), cat("it must be ", expected),
                   "correct the value (`fedfuse train --help` lists all)");
}

template <class T>
void check_type(const Json& value, const std::string& key, const std::string& source) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) wrong_type(source, key, value, "true or false");
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (!value.is_number_unsigned()) wrong_type(source, key, value, "a whole number >= 0");
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    if (!is_int64(value)) wrong_type(source, key, value, "a whole number");
  } else if constexpr (std::is_same_v<T, double>) {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      wrong_type(source, key, value, "a finite number");
  } else if constexpr (std::is_same_v<T, std::vector<View>>) {
    const bool texts =
        value.is_array() && std::ranges::all_of(value, [](const Json& v) { return v.is_string(); });
    if (!texts) wrong_type(source, key, value, "a list of texts");
  } else {
    static_assert(Word<T> || std::is_same_v<T, std::string>);
    if (!value.is_string()) wrong_type(source, key, value, "a text in quotes");
  }
}

// As on the command line, behind the file.
std::string option_in(const std::string& source, std::string key) {
  std::ranges::replace(key, '_', '-');
  return cat(source, ": --", key);
}

template <class T>
void assign(T& member, const Json& value, const std::string& key, const std::string& source) {
  check_type<T>(value, key, source);
  if constexpr (Word<T>) {
    parse_into(member, option_in(source, key), value.get<std::string>());
  } else if constexpr (std::is_same_v<T, std::vector<View>>) {
    member.clear();
    for (const auto& word : value)
      member.push_back(parse_choice<View>(option_in(source, key), word.get<std::string>()));
  } else {
    member = value.get<T>();
  }
}

void apply(Config& config, const Json& values, const std::string& source) {
  for (const auto& [given, value] : values.items()) {
    std::string key = given;
    std::ranges::replace(key, '-', '_');
    bool known = false;
    for_each_field(config, [&](const ConfigField& field, auto& member) {
      if (key != field.name) return;
      known = true;
      assign(member, value, given, source);
    });
    if (known) continue;
    const auto near = nearest_word(key, field_names());
    throw InputError(cat(source, ": unknown key \"", given, "\""), "no option has this name",
                     near.empty()
                         ? "`fedfuse train --help` lists all"
                         : cat("did you mean ", near, "? `fedfuse train --help` lists all"));
  }
}

template <class T>
Json json_of(const T& member) {
  if constexpr (Word<T>) {
    return text_of(member);
  } else if constexpr (std::is_same_v<T, std::vector<View>>) {
    Json names = Json::array();
    for (const auto view : member) names.push_back(text_of(view));
    return names;
  } else {
    return member;
  }
}

Json to_json(const Config& config) {
  Json values = Json::object();
  for_each_field(config, [&](const ConfigField& field, const auto& member) {
    values[field.name] = json_of(member);
  });
  return values;
}

}  // namespace

std::string config_to_json(const Config& config) { return json_text(to_json(config)); }

Config config_from_json(const std::string& text) {
  Config config;
  apply(config, parse_object(text, "the configuration in the file"), "configuration");
  return config;
}

std::string config_to_toml(const Config& config) {
  std::ostringstream out;
  std::optional<ConfigSection> section;
  for_each_field(config, [&](const ConfigField& field, const auto& member) {
    if (section != field.section) out << (section ? "\n" : "") << "# " << field.section << "\n";
    section = field.section;
    out << field.name << " = " << json_text(json_of(member)) << "\n";
  });
  return out.str();
}

void apply_toml(Config& config, const std::string& text, const std::string& source) {
  apply(config, parse_toml(text, source), source);
}

void apply_toml_file(Config& config, const std::string& path) {
  apply_toml(config, InputFile(path).read(), path);
}

}  // namespace fedfuse
