#include "results/json_text.hpp"

#include <algorithm>
#include <cstdint>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

std::int64_t depth_of(const std::string& text) {
  std::int64_t depth = 0;
  std::int64_t deepest = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string && c == '\\') ++at;
    if (c == '"') in_string = !in_string;
    if (in_string) continue;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return deepest;
}

[[noreturn]] void refuse(const std::string& what, const std::string& why) {
  throw InputError(cat("cannot read ", what), why, "make the file again with this fedfuse");
}

using Json = nlohmann::ordered_json;

bool holds(const Json& value, const std::string*) { return value.is_string(); }
bool holds(const Json& value, const Json*) { return value.is_object(); }
bool holds(const Json& value, const std::uint32_t*) {
  return value.is_number_unsigned() && value.get<std::uint64_t>() <= UINT32_MAX;
}
bool holds(const Json& value, const std::int64_t*) { return is_int64(value); }

}  // namespace

bool is_int64(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t(INT64_MAX));
}

template <class T>
T member_of(const Json& object, const std::string& name, const std::string& what) {
  const auto found = object.find(name);
  if (!object.is_object() || found == object.end()) refuse(what, cat("it has no ", name));
  if (!holds(*found, static_cast<const T*>(nullptr)))
    refuse(what, cat(name, " is of another type, or beyond its range"));
  return found->template get<T>();
}
template std::string member_of(const Json&, const std::string&, const std::string&);
template Json member_of(const Json&, const std::string&, const std::string&);
template std::uint32_t member_of(const Json&, const std::string&, const std::string&);
template std::int64_t member_of(const Json&, const std::string&, const std::string&);

nlohmann::ordered_json parse_object(const std::string& text, const std::string& what) {
  constexpr std::int64_t deepest = 64;
  if (depth_of(text) > deepest) refuse(what, cat("it is nested deeper than ", deepest, " levels"));
  auto value = Json::parse(text, nullptr, false);
  if (!value.is_object()) refuse(what, "it is not a JSON object");
  return value;
}

}  // namespace fedfuse
