#include "results/json_text.hpp"

#include <algorithm>

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

}  // namespace

nlohmann::ordered_json parse_object(const std::string& text, const std::string& what) {
  constexpr std::int64_t deepest = 64;
  const auto refuse = [&](const std::string& why) {
    throw InputError(cat("cannot read ", what), why, "make the file again with this fedfuse");
  };
  if (depth_of(text) > deepest) refuse(cat("it is nested deeper than ", deepest, " levels"));
  auto value = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!value.is_object()) refuse("it is not a JSON object");
  return value;
}

}  // namespace fedfuse
