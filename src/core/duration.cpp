#include "core/duration.hpp"

#include <cctype>
#include <cstdlib>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

constexpr double refused = -1;

double seconds_in(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return refused;
  }
}

}  // namespace

void parse_into(Duration& value, std::string_view option, std::string_view text) {
  value = {std::string(text), 0};
  if (text.empty()) return;
  value.seconds = seconds_of(value.text);
  if (value.seconds <= 0)
    throw InputError(cat(option, " \"", text, "\""), "it is not a time above 0",
                     "use for example 90s, 30m or 1h30m");
}

double seconds_of(const std::string& text) {
  double seconds = 0;
  for (const char* at = text.c_str(); *at != 0 || at == text.c_str();) {
    // strtod would take blanks, signs and words
    if (std::isdigit(static_cast<unsigned char>(*at)) == 0) return refused;
    char* end = nullptr;
    const double number = std::strtod(at, &end);
    if (*end == 0 && at == text.c_str()) return number;
    const double unit = seconds_in(*end);
    if (unit < 0) return refused;
    seconds += number * unit;
    at = end + 1;
  }
  return seconds;
}

}  // namespace fedfuse
