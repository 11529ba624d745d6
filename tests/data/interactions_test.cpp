#include "data/interactions.hpp"

#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using Ints = std::vector<std::int32_t>;
using Bytes = std::vector<std::uint8_t>;

InteractionTable table(Ints user, Ints item, std::vector<std::int64_t> time = {},
                       Bytes split = {}) {
  InteractionTable t;
  t.user = std::move(user);
  t.item = std::move(item);
  t.time = std::move(time);
  t.split = std::move(split);
  for (const auto u : t.user)
    t.user_ids.resize(std::max(t.user_ids.size(), std::size_t(u) + 1), "u");
  for (const auto i : t.item)
    t.item_ids.resize(std::max(t.item_ids.size(), std::size_t(i) + 1), "i");
  return t;
}

TEST(Interactions, KeepsTheEarliestOfEachPair) {
  auto t = table({0, 1, 0, 0, 1}, {5, 5, 5, 4, 5}, {9, 8, 1, 2, 3});
  EXPECT_EQ(drop_duplicates(t), 2);
  EXPECT_EQ(t.user, (Ints{0, 0, 1}));
  EXPECT_EQ(t.item, (Ints{5, 4, 5}));
  EXPECT_EQ(t.time, (std::vector<std::int64_t>{1, 2, 3}));
}

TEST(Interactions, KeepsTheEarliestOfDecimals) {
  auto t = table({0, 0, 0}, {5, 5, 5}, {7, 7, 7});
  t.time_fraction = {0.5, 0.25, 0.75};
  EXPECT_EQ(drop_duplicates(t), 2);
  EXPECT_EQ(t.time_fraction, (std::vector<double>{0.25}));
}

TEST(Interactions, HoldsOutAPairThatIsLabelledTwiceAtOneTime) {
  auto t = table({0, 0, 0, 0}, {5, 5, 6, 6}, {1, 1, 2, 1}, {0, 2, 2, 1});
  EXPECT_EQ(drop_duplicates(t), 2);
  EXPECT_EQ(t.split, (Bytes{2, 1}));  // the larger label; the earlier row
}

TEST(Interactions, KeepsTheFirstRowOfEachPairWithoutTimes) {
  auto t = table({0, 0}, {5, 5}, {}, {0, 2});
  EXPECT_EQ(drop_duplicates(t), 1);
  EXPECT_EQ(t.split, Bytes{0});
}

TEST(Interactions, FiltersUntilNothingChanges) {
  // user 2 has one row and goes; item 2 then has one and goes; user 1 then has one and goes.
  auto t = table({0, 0, 3, 3, 1, 1, 2}, {0, 1, 0, 1, 0, 2, 2});
  const auto core = keep_core(t, 2, 2);
  EXPECT_EQ(core.user, (Bytes{1, 0, 0, 1}));
  EXPECT_EQ(core.item, (Bytes{1, 1, 0}));
  EXPECT_EQ(t.user, (Ints{0, 0, 3, 3}));
}

TEST(Interactions, NumbersIdsByValueBytesOrAppearance) {
  const auto bytes = TextOrder::by_bytes;
  EXPECT_EQ(number_ids({"10", "9", "0"}, {1, 1, 1}, bytes), (Ints{2, 1, 0}));
  EXPECT_EQ(number_ids({"10", "9", "0"}, {1, 0, 1}, bytes), (Ints{1, -1, 0}));
  EXPECT_EQ(number_ids({"x", "9", "10"}, {1, 1, 1}, bytes), (Ints{2, 1, 0}));
  EXPECT_EQ(number_ids({"x", "9", "10"}, {1, 1, 1}, TextOrder::by_appearance), (Ints{0, 1, 2}));
  EXPECT_EQ(whole_number("0"), 0);
  EXPECT_EQ(whole_number("560"), 560);
  for (const auto* other : {"", "-1", "007", "1.0", "1e3", " 1", "99999999999999999999"})
    EXPECT_EQ(whole_number(other), -1) << other;
}

TEST(Interactions, HoldsOutTheLastTwoInTime) {
  const auto split = split_interactions(
      table({0, 1, 0, 0, 0, 1, 1}, {7, 3, 5, 6, 4, 2, 1}, {4, 1, 1, 3, 2, 1, 1}), {"a", "b"});
  EXPECT_EQ(split.test, (Ints{7, 3}));  // user 1: all at one time, so the item's number decides
  EXPECT_EQ(split.valid, (Ints{6, 2}));
  EXPECT_EQ(split.train, (Ints{4, 5, 1}));
  EXPECT_EQ(split.offsets, (std::vector<std::int64_t>{0, 2, 3}));
  EXPECT_EQ(split.not_evaluated, 0);
}

TEST(Interactions, TrainsOnShortUsersOnly) {
  const auto by_time =
      split_interactions(table({0, 0, 1, 1, 1}, {0, 1, 0, 1, 2}, {1, 2, 1, 2, 3}), {"a", "b"});
  EXPECT_EQ(by_time.not_evaluated, 1);
  EXPECT_EQ(by_time.test, (Ints{-1, 2}));
  EXPECT_EQ(by_time.valid, (Ints{-1, 1}));
  EXPECT_EQ(by_time.train, (Ints{0, 1, 0}));
}

TEST(Interactions, LetsLabelsDecideForShortUsersToo) {
  // a: one to train on, one to test; b: nothing held out; c: one to train on, one to validate
  const auto split = split_interactions(
      table({0, 0, 1, 1, 2, 2}, {3, 1, 4, 5, 7, 6}, {}, {0, 2, 0, 0, 1, 0}), {"a", "b", "c"});
  EXPECT_EQ(split.train, (Ints{3, 4, 5, 6}));
  EXPECT_EQ(split.valid, (Ints{-1, -1, 7}));
  EXPECT_EQ(split.test, (Ints{1, -1, -1}));
  EXPECT_EQ(split.not_evaluated, 1);
  test::expect_input_error(
      [] { (void)split_interactions(table({0, 0}, {3, 2}, {}, {1, 1}), {"anna"}); },
      {"anna", "2 validation items"});
}

TEST(Interactions, DropsUsersThatNoRowTrains) {
  // user 1 has only held-out rows, and takes item 3 along
  auto t = table({0, 0, 1, 1, 2}, {0, 1, 0, 3, 1}, {}, {0, 1, 1, 2, 0});
  EXPECT_EQ(users_held_out_whole(t), 1);
  const auto core = keep_core(t, 1, 1);
  EXPECT_EQ(core.user, (Bytes{1, 0, 1}));
  EXPECT_EQ(core.item, (Bytes{1, 1, 0, 0}));
  // the filter takes user 0's training row; the held-out one must not stay alone
  auto filtered = table({0, 0, 1, 1}, {0, 1, 1, 2}, {}, {0, 2, 0, 0});
  EXPECT_EQ(keep_core(filtered, 1, 2).user, (Bytes{0, 0}));
}

TEST(Interactions, LetsLabelsDecide) {
  const auto split =
      split_interactions(table({0, 0, 0, 0}, {3, 2, 1, 0}, {1, 2, 3, 4}, {2, 0, 1, 0}), {"a"});
  EXPECT_EQ(split.test, Ints{3});
  EXPECT_EQ(split.valid, Ints{1});
  EXPECT_EQ(split.train, (Ints{0, 2}));
  test::expect_input_error(
      [] { (void)split_interactions(table({0, 0, 0}, {3, 2, 1}, {}, {2, 2, 0}), {"anna"}); },
      {"anna", "2 test items"});
}

}  // namespace
}  // namespace fedfuse
