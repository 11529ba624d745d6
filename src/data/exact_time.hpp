#pragma once
// A time as it is written in a CSV, without rounding: whole numbers up to 2^63 - 1 stay exact (a
// double would make equal what differs by 100 nanoseconds since 1970).
#include <compare>
#include <cstdint>
#include <string_view>

namespace fedfuse {

// whole + fraction, in the file's unit. Ordered by value; 5, 5.0 and 50e-1 are equal.
struct ExactTime {
  std::int64_t whole = 0;
  double fraction = 0;  // in [0, 1]: the digits behind the point, as precise as a double is there
  auto operator<=>(const ExactTime&) const = default;
};

// text: a decimal number >= 0, with or without point and exponent. `fits` becomes false when its
// whole part is above 2^63 - 1; the result is 0 then.
[[nodiscard]] ExactTime exact_time(std::string_view text, bool& fits);

}  // namespace fedfuse
