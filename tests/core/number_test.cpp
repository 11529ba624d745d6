#include "core/number.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "core/duration.hpp"
#include "core/error.hpp"

namespace fedfuse {
namespace {

template <class T>
T read(const char* text) {
  T value{};
  parse_number(value, "--x", text);
  return value;
}
template <class T>
std::string refusal(const char* text) {
  try {
    (void)read<T>(text);
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(Number, WholeNumbersAreDecimal) {
  EXPECT_EQ(read<std::int64_t>("010"), 10);
  EXPECT_EQ(read<std::int64_t>("08"), 8);
  EXPECT_EQ(read<std::int64_t>("-0012"), -12);
  EXPECT_EQ(read<std::int64_t>("+7"), 7);
  EXPECT_EQ(read<std::int64_t>("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(read<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(read<std::uint64_t>("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  for (const char* text :
       {"",   " ",   "0x10", "0b1", "0o7", "1e6", "1.0", "1,000", "1'000", " 1",
        "1 ", "--1", "+-1",  "+",   "-",   "inf", "nan", "ten",   "1_000", "\xd9\xa1"})
    EXPECT_NE(refusal<std::int64_t>(text).find("--x"), std::string::npos) << text;
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "99999999999999999999"})
    EXPECT_NE(refusal<std::int64_t>(text).find("too large"), std::string::npos) << text;
  EXPECT_NE(refusal<std::uint64_t>("-1").find(">= 0"), std::string::npos);
  EXPECT_NE(refusal<std::uint64_t>("18446744073709551616").find("too large"), std::string::npos);
}

TEST(Number, OthersAreFiniteAndDecimal) {
  EXPECT_EQ(read<double>("010.5"), 10.5);
  EXPECT_EQ(read<double>(".5"), 0.5);
  EXPECT_EQ(read<double>("5."), 5);
  EXPECT_EQ(read<double>("+1e-3"), 1e-3);
  EXPECT_EQ(read<double>("-2E+2"), -200);
  for (const char* text : {"", ".", "e5", "1e", "1e+", "0x1p3", "0x10", "inf", "-inf", "nan",
                           "infinity", "1.5f", " 1", "1 ", "1,5", "1.2.3"})
    EXPECT_NE(refusal<double>(text), "") << text;
  for (const char* text : {"1e400", "-1e400", "1e-400"})
    EXPECT_NE(refusal<double>(text).find("too large or too small"), std::string::npos) << text;
}

TEST(Number, DurationsToo) {
  EXPECT_EQ(seconds_of("1h030m"), 5400);
  EXPECT_EQ(seconds_of("1.5m"), 90);
  EXPECT_EQ(seconds_of("90"), 90);
  for (const char* text : {"", "0x10", "1e400s", "1h30", "h", "1hh", "-1s", "+1s", " 1s", "1 s"})
    EXPECT_LT(seconds_of(text), 0) << text;
}

}  // namespace
}  // namespace fedfuse
