#include "data/date_time.hpp"

#include <gtest/gtest.h>

namespace fedfuse {
namespace {

// Seconds as `date -u -d TEXT +%s` gives them.
TEST(DateTime, ReadsIsoDatesAndTimes) {
  const auto seconds = [](std::string_view text) {
    const auto time = date_time(text);
    EXPECT_TRUE(time) << text;
    return time.value_or(ExactTime{-1, 0}).whole;
  };
  EXPECT_EQ(seconds("1970-01-01"), 0);
  EXPECT_EQ(seconds("2020-09-22"), 1600732800);
  EXPECT_EQ(seconds("2020-09-22T12:30"), 1600777800);
  EXPECT_EQ(seconds("2020-09-22 12:30:15"), 1600777815);
  EXPECT_EQ(seconds("2020-09-22T12:30:15Z"), 1600777815);
  EXPECT_EQ(seconds("2020-09-22 12:30:15 UTC"), 1600777815);
  EXPECT_EQ(seconds("2020-09-22T12:30:15+02:00"), 1600770615);
  EXPECT_EQ(seconds("2020-09-22T12:30:15-0330"), 1600790415);
  EXPECT_EQ(seconds("2020-09-22T12:30:15+02"), 1600770615);
  EXPECT_EQ(seconds("2000-02-29"), 951782400);
  EXPECT_EQ(seconds("1969-12-31T23:59:59"), -1);
  EXPECT_EQ(seconds("2016-12-31T23:59:60"), seconds("2017-01-01"));
  const auto exact = date_time("2020-09-22T12:30:15.25Z");
  EXPECT_EQ(exact, (ExactTime{1600777815, 0.25}));
  EXPECT_LT(date_time("2020-09-22 12:30:15.123456"), date_time("2020-09-22 12:30:15.123457"));
  EXPECT_LT(date_time("1969-12-31T23:59:58.9"), date_time("1969-12-31T23:59:59.1"));
}

TEST(DateTime, RefusesWhatIsNoDate) {
  for (const auto* text : {"",
                           "2020",
                           "2020-9-22",
                           "2020-13-01",
                           "2020-00-01",
                           "2020-02-30",
                           "2019-02-29",
                           "2020-09-22T",
                           "2020-09-22T24:00",
                           "2020-09-22T12:60",
                           "2020-09-22T12:30:61",
                           "2020-09-22T12:30:15.",
                           "2020-09-22T12",
                           "2020-09-22Z",
                           "2020-09-22T12:30:15+2",
                           "2020-09-22T12:30:15+02:0",
                           "2020-09-22T12:30:15+02:",
                           "2020-09-22T12:30:15 CET",
                           "2020-09-22T12:30:15Z ",
                           "2020/09/22",
                           "22-09-2020",
                           "20-09-2022",
                           "2020-09-22x"})
    EXPECT_FALSE(date_time(text)) << text;
}

TEST(DateTime, KnowsItsBeginningAndItsDay) {
  EXPECT_TRUE(looks_like_date("2020-"));
  for (const auto* text : {"2020", "-2020", "202-1", "12345-6", "1e10", ""})
    EXPECT_FALSE(looks_like_date(text)) << text;
  EXPECT_EQ(day_of(1600777815), "2020-09-22");
  EXPECT_EQ(day_of(-1), "1969-12-31");
}

}  // namespace
}  // namespace fedfuse
