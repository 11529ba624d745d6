#include "results/config_text.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <type_traits>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "results/config_fields.hpp"
#include "results/json_text.hpp"
#include "results/record.hpp"
#include "results/toml.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

// Letters to insert, drop or change.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t(0));
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

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
void assign(T& member, const Json& value, const std::string& key, const std::string& source) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) wrong_type(source, key, value, "true or false");
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    if (!value.is_number_unsigned()) wrong_type(source, key, value, "a whole number >= 0");
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    const bool fits =
        value.is_number_integer() &&
        (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t(INT64_MAX));
    if (!fits) wrong_type(source, key, value, "a whole number");
  } else if constexpr (std::is_same_v<T, double>) {
    if (!value.is_number()) wrong_type(source, key, value, "a number");
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!value.is_string()) wrong_type(source, key, value, "a text in quotes");
  } else {
    const bool texts =
        value.is_array() && std::ranges::all_of(value, [](const Json& v) { return v.is_string(); });
    if (!texts) wrong_type(source, key, value, "a list of texts");
  }
  member = value.get<T>();
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

Json to_json(const Config& config) {
  Json values = Json::object();
  for_each_field(
      config, [&](const ConfigField& field, const auto& member) { values[field.name] = member; });
  return values;
}

}  // namespace

std::string nearest_word(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  auto least = word.size() / 4 + 2;
  for (const auto& candidate : known)
    if (const auto distance = edit_distance(word, candidate); distance < least) {
      least = distance;
      best = candidate;
    }
  return best;
}

std::string config_to_json(const Config& config) { return json_text(to_json(config)); }

Config config_from_json(const std::string& text) {
  const auto values = Json::parse(text, nullptr, false);
  if (!values.is_object())
    throw InputError("the configuration in the file cannot be read", "it is not a JSON object",
                     "make the file again with this fedfuse");
  Config config;
  apply(config, values, "configuration");
  return config;
}

std::string config_to_toml(const Config& config) {
  std::ostringstream out;
  const char* group = "";
  for_each_field(config, [&](const ConfigField& field, const auto& member) {
    if (std::string_view(group) != field.group)
      out << (*group != 0 ? "\n" : "") << "# " << field.group << "\n";
    group = field.group;
    out << field.name << " = " << json_text(Json(member)) << "\n";
  });
  return out.str();
}

void apply_toml(Config& config, const std::string& text, const std::string& source) {
  apply(config, parse_toml(text, source), source);
}

void apply_toml_file(Config& config, const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw InputError(cat("cannot read ", path), "it is a folder", "name a TOML file");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in)
    throw InputError(cat("cannot read ", path), "there is no such file, or it may not be read",
                     "check the path given to --config");
  apply_toml(config, text.str(), path);
}

}  // namespace fedfuse
