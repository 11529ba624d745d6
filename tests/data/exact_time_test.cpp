#include "data/exact_time.hpp"

#include <algorithm>
#include <random>
#include <string>

#include "data/interactions.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

ExactTime of(const std::string& text) {
  bool fits = false;
  const auto time = exact_time(text, fits);
  EXPECT_TRUE(fits) << text;
  return time;
}

TEST(ExactTime, KeepsWholeNumbers) {
  for (const std::int64_t value :
       {std::int64_t(0), std::int64_t(1), (std::int64_t(1) << 53) + 1,
        std::int64_t(1700000000000000001), std::int64_t(638400000000000001), INT64_MAX})
    for (const auto* tail : {"", ".", ".0", ".000", "e0", "E+0"}) {
      const auto time = of(std::to_string(value) + tail);
      EXPECT_EQ(time.whole, value) << tail;
      EXPECT_EQ(time.fraction, 0) << tail;
    }
}

TEST(ExactTime, ReadsDecimalsAndExponents) {
  const auto expect = [](const char* text, std::int64_t whole, double fraction) {
    EXPECT_EQ(of(text), (ExactTime{whole, fraction})) << text;
  };
  expect("50.5", 50, 0.5);
  expect(".25", 0, 0.25);
  expect("1e3", 1000, 0);
  expect("1.5e3", 1500, 0);
  expect("1.2345e2", 123, 0.45);
  expect("12345e-2", 123, 0.45);
  expect("25e-2", 0, 0.25);
  expect("25e-4", 0, 0.0025);
  expect("0.0005e3", 0, 0.5);
  expect("1.700000000000000030e+18", 1700000000000000030, 0);
  expect("0e99", 0, 0);
}

TEST(ExactTime, OrdersWhatADoubleTies) {
  EXPECT_LT(of("1700000000000000000"), of("1700000000000000000.5"));
  EXPECT_LT(of("1700000000.123456788"), of("1700000000.123456789"));  // ns in seconds
  EXPECT_LT(of("133500000000000001"), of("133500000000000002"));      // FILETIME
  EXPECT_EQ(of("5"), of("5.0"));
  EXPECT_EQ(of("0.1"), of("0.10"));
}

TEST(ExactTime, RefusesWhatIsAboveInt64) {
  for (const auto* text :
       {"9223372036854775808", "9223372036854775807.9e1", "1e19", "92233720368547758070e-0"}) {
    bool fits = true;
    (void)exact_time(text, fits);
    EXPECT_FALSE(fits) << text;
  }
}

// Random nanoseconds in any order of rows: the last in time is the test item.
TEST(ExactTime, DecidesTheSplitOfNanoseconds) {
  std::mt19937_64 random(7);
  const test::Folder folder(Comm::self());
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<int> order{0, 1, 2, 3, 4, 5};
    std::shuffle(order.begin(), order.end(), random);
    const auto start = std::int64_t(1700000000000000000 + random() % 1000000000);
    std::string csv = "userId,itemId,timestamp\n";
    for (const int k : order)
      csv += "1," + std::to_string(k) + "," + std::to_string(start + k) + (k == 3 ? ".5\n" : "\n");
    auto table = read_csv(folder.write("ns.csv", csv));
    for (auto& i : table.item) i = std::stoi(table.item_ids[std::size_t(i)]);
    const auto split = split_interactions(table, {"1"});
    EXPECT_EQ(split.test, std::vector<std::int32_t>{5}) << csv;
    EXPECT_EQ(split.valid, std::vector<std::int32_t>{4}) << csv;
  }
}

}  // namespace
}  // namespace fedfuse
