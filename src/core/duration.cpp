#include "core/duration.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/error.hpp"
#include "core/number.hpp"
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
  for (std::size_t at = 0; at < text.size() || at == 0;) {
    // no blanks, no signs
    if (at == text.size() || std::isdigit(static_cast<unsigned char>(text[at])) == 0)
      return refused;
    const auto end = std::min(text.find_first_of("smhd", at), text.size());
    double number = 0;
    if (!read_number(number, std::string_view(text).substr(at, end - at))) return refused;
    if (end == text.size()) return at == 0 ? number : refused;
    seconds += number * seconds_in(text[end]);
    at = end + 1;
  }
  return std::isfinite(seconds) ? seconds : refused;
}

}  // namespace fedfuse
