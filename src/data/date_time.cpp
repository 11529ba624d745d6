#include "data/date_time.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

#include "core/text.hpp"

namespace fedfuse {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes parts off the front of a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  // Exactly so many digits, of a number up to `most`.
  bool number(std::size_t digits, int most, int& value) {
    const auto word = rest_.substr(0, digits);
    if (word.size() < digits || !std::ranges::all_of(word, is_digit)) return false;
    std::from_chars(word.data(), word.data() + word.size(), value);
    rest_.remove_prefix(digits);
    return value <= most;
  }
  // The digits behind a decimal point, as a number below 1.
  bool fraction(double& value) {
    const auto* const end = std::ranges::find_if_not(rest_, is_digit);
    const auto digits = std::size_t(end - rest_.begin());
    if (digits == 0) return false;
    const auto text = cat("0.", rest_.substr(0, digits));
    std::from_chars(text.data(), text.data() + text.size(), value);
    rest_.remove_prefix(digits);
    return true;
  }

 private:
  std::string_view rest_;
};

constexpr int last_hour = 23;
constexpr int last_minute = 59;
constexpr int leap_second = 60;
constexpr int minute = 60;
constexpr int hour = 3600;

bool take_day(Cursor& at, std::int64_t& seconds) {
  namespace time = std::chrono;
  int y = 0;
  int m = 0;
  int d = 0;
  if (!at.number(4, 9999, y) || !at.take("-") || !at.number(2, 12, m) || !at.take("-") ||
      !at.number(2, 31, d))
    return false;
  const time::year_month_day day{time::year(y), time::month(unsigned(m)), time::day(unsigned(d))};
  if (!day.ok()) return false;
  seconds = time::seconds(time::sys_days(day).time_since_epoch()).count();
  return true;
}

bool take_clock(Cursor& at, ExactTime& time) {
  int h = 0;
  int m = 0;
  int s = 0;
  if (!at.number(2, last_hour, h) || !at.take(":") || !at.number(2, last_minute, m)) return false;
  if (at.take(":")) {
    if (!at.number(2, leap_second, s)) return false;
    if ((at.take(".") || at.take(",")) && !at.fraction(time.fraction)) return false;
  }
  time.whole += h * hour + m * minute + s;
  return true;
}

bool take_zone(Cursor& at, std::int64_t& seconds) {
  at.take(" ");
  if (at.take("Z") || at.take("UTC")) return true;
  const bool east = at.take("+");
  if (!east && !at.take("-")) return false;
  int h = 0;
  int m = 0;
  if (!at.number(2, last_hour, h)) return false;
  const bool has_minutes = at.take(":") || !at.at_end();
  if (has_minutes && !at.number(2, last_minute, m)) return false;
  const int ahead = h * hour + m * minute;
  seconds -= east ? ahead : -ahead;
  return true;
}

}  // namespace

bool looks_like_date(std::string_view text) {
  constexpr std::size_t digits_of_year = 4;
  return text.size() > digits_of_year && text[digits_of_year] == '-' &&
         std::ranges::all_of(text.substr(0, digits_of_year), is_digit);
}

std::optional<ExactTime> date_time(std::string_view text) {
  Cursor at(text);
  ExactTime time;
  if (!take_day(at, time.whole)) return std::nullopt;
  if (at.at_end()) return time;
  if (!at.take("T") && !at.take(" ")) return std::nullopt;
  if (!take_clock(at, time)) return std::nullopt;
  if (!at.at_end() && !take_zone(at, time.whole)) return std::nullopt;
  return at.at_end() ? std::optional(time) : std::nullopt;
}

std::string day_of(std::int64_t seconds) {
  namespace time = std::chrono;
  const time::sys_seconds moment{time::seconds(seconds)};
  const time::year_month_day day(time::floor<time::days>(moment));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", int(day.year()), unsigned(day.month()),
                unsigned(day.day()));
  return text.data();
}

}  // namespace fedfuse
