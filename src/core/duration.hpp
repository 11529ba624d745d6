#pragma once
#include <string>
#include <string_view>

namespace fedfuse {

// A time as it was written: "90", "90s", "30m", "12h", "1d" or "1h30m"; a plain number is seconds.
struct Duration {
  std::string text;    // empty: no time is given
  double seconds = 0;  // > 0 when one is given
  bool operator==(const Duration&) const = default;
};
// "" is no time. InputError when the text is none of these forms, or not longer than 0.
void parse_into(Duration& value, std::string_view option, std::string_view text);
[[nodiscard]] inline std::string text_of(const Duration& value) { return value.text; }

// Seconds of the forms above. Negative: it is none of these.
[[nodiscard]] double seconds_of(const std::string& text);

}  // namespace fedfuse
