#include "core/number.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}
std::string_view without_sign(std::string_view text) {
  return text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
}
std::size_t digits_at(std::string_view text) {
  return std::size_t(std::ranges::find_if_not(text, is_digit) - text.begin());
}

// [sign] digits [. digits] [e [sign] digits], with a digit before or after the point.
bool is_decimal(std::string_view text) {
  text = without_sign(text);
  auto digits = digits_at(text);
  text.remove_prefix(digits);
  if (text.starts_with('.')) {
    const auto after = digits_at(text.substr(1));
    digits += after;
    text.remove_prefix(1 + after);
  }
  if (digits == 0) return false;
  if (text.empty()) return true;
  return (text.front() == 'e' || text.front() == 'E') && all_digits(without_sign(text.substr(1)));
}

[[noreturn]] void refuse(std::string_view option, std::string_view text, const std::string& why,
                         const char* what_to_do) {
  throw InputError(cat(option, " \"", text, "\""), why, what_to_do);
}

// from_chars reads no plus sign.
std::string_view without_plus(std::string_view text) {
  return text.starts_with('+') ? text.substr(1) : text;
}

template <class T>
void parse_whole(T& value, std::string_view option, std::string_view text,
                 std::string_view unsigned_part, const char* kind) {
  constexpr const char* example = "write it in decimal digits, for example 1000000";
  if (text.empty()) refuse(option, text, cat("it is empty, not ", kind), example);
  if (!all_digits(unsigned_part)) refuse(option, text, cat("it is not ", kind), example);
  text = without_plus(text);
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc())
    refuse(option, text, "it is too large: 64 bits do not hold it", "give a smaller number");
}

}  // namespace

void parse_number(std::int64_t& value, std::string_view option, std::string_view text) {
  parse_whole(value, option, text, without_sign(text), "a whole number");
}

void parse_number(std::uint64_t& value, std::string_view option, std::string_view text) {
  parse_whole(value, option, text, without_plus(text), "a whole number >= 0");
}

bool read_number(double& value, std::string_view text) {
  if (!is_decimal(text)) return false;
  text = without_plus(text);
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc();
}

void parse_number(double& value, std::string_view option, std::string_view text) {
  constexpr const char* example = "write for example 0.05 or 5e-2";
  if (text.empty()) refuse(option, text, "it is empty, not a number", example);
  if (!is_decimal(text)) refuse(option, text, "it is not a finite decimal number", example);
  if (!read_number(value, text))
    refuse(option, text, "it is too large or too small: a double does not hold it",
           "give a number between 1e-300 and 1e300");
}

}  // namespace fedfuse
