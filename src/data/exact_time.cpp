#include "data/exact_time.hpp"

#include <charconv>
#include <cstdlib>
#include <string>

namespace fedfuse {
namespace {

template <class T>
std::errc parse(std::string_view text, T& value) {
  return std::from_chars(text.data(), text.data() + text.size(), value).ec;
}

// The digits of a decimal number without its point, and the point's place among them.
struct Digits {
  std::string digits;
  std::int64_t point = 0;  // may lie before the first or behind the last digit
};

Digits digits_of(std::string_view text) {
  const auto exponent_at = text.find_first_of("eE");
  const auto mantissa = text.substr(0, exponent_at);
  const auto point_at = mantissa.find('.');
  std::int64_t exponent = 0;
  if (exponent_at != std::string_view::npos) {
    auto written = text.substr(exponent_at + 1);
    if (written.starts_with('+')) written.remove_prefix(1);
    (void)parse(written, exponent);
  }
  Digits result;
  result.digits = mantissa.substr(0, point_at);
  result.point = std::int64_t(result.digits.size()) + exponent;
  if (point_at != std::string_view::npos) result.digits += mantissa.substr(point_at + 1);
  return result;
}

}  // namespace

ExactTime exact_time(std::string_view text, bool& fits) {
  fits = true;
  double value = 0;
  (void)parse(text, value);
  if (value == 0) return {};
  constexpr double two_to_63 = 0x1p63;
  fits = value <= two_to_63;
  if (!fits) return {};
  const auto [digits, point] = digits_of(text);
  if (point <= 0) return {0, value};
  auto whole = digits.substr(0, std::size_t(point));
  whole.append(std::size_t(point) - whole.size(), '0');
  ExactTime time;
  fits = parse(std::string_view(whole), time.whole) == std::errc();
  if (!fits) return {};
  if (std::size_t(point) < digits.size())
    (void)parse(std::string_view("0." + digits.substr(std::size_t(point))), time.fraction);
  return time;
}

}  // namespace fedfuse
