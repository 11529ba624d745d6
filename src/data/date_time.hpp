#pragma once
// Dates and times of ISO 8601, as databases, pandas and JavaScript write them.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "data/exact_time.hpp"

namespace fedfuse {

// Whether a text begins as a date does: four digits and a minus.
[[nodiscard]] bool looks_like_date(std::string_view text);

// Seconds since 1970-01-01T00:00:00Z, before it below 0, of
//   2020-09-22, 2020-09-22T12:30, 2020-09-22 12:30:15, 2020-09-22T12:30:15.123456
// with Z, UTC, +02, +02:00 or +0200 behind a time, also after a blank; without a zone it is UTC.
// Nothing: another text, or no such day or hour. A leap second counts as the second after it.
[[nodiscard]] std::optional<ExactTime> date_time(std::string_view text);

// The day of a time: "2020-09-22". seconds: since 1970.
[[nodiscard]] std::string day_of(std::int64_t seconds);

}  // namespace fedfuse
