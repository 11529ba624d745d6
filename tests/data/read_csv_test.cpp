#include "data/read_csv.hpp"

#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::expect_input_error;
using Ids = std::vector<std::string>;

InteractionTable parse(std::string_view text) {
  const test::Folder folder(Comm::self());
  return read_csv(folder.write("inter.csv", text));
}
void expect_refused(std::string_view text, std::initializer_list<std::string_view> parts) {
  expect_input_error([&] { (void)parse(text); }, parts);
}
const std::string header = "userId,itemId,rating,timestamp\n";

TEST(ReadCsv, ReadsColumnsInAnyOrderAndSpelling) {
  const auto a = parse(
      "userID,itemID,rating,timestamp,split_label\n7,b,1.0,100,0\n3,a,2,50.5,2\n7,a,-1,0,1\n");
  EXPECT_EQ(a.user_ids, (Ids{"7", "3"}));
  EXPECT_EQ(a.item_ids, (Ids{"b", "a"}));
  EXPECT_EQ(a.user, (std::vector<std::int32_t>{0, 1, 0}));
  EXPECT_EQ(a.item, (std::vector<std::int32_t>{0, 1, 1}));
  EXPECT_EQ(a.time, (std::vector<std::int64_t>{100, 50, 0}));
  EXPECT_EQ(a.time_fraction, (std::vector<double>{0, 0.5, 0}));
  EXPECT_EQ(a.split, (std::vector<std::uint8_t>{0, 2, 1}));

  const auto b = parse("timestamp,Item_Id,USER_ID\n100,b,7\n50.5,a,3\n0,a,7\n");
  EXPECT_EQ(b.user_ids, a.user_ids);
  EXPECT_EQ(b.item, a.item);
  EXPECT_EQ(b.time, a.time);
  EXPECT_EQ(b.time_fraction, a.time_fraction);
  EXPECT_TRUE(b.split.empty());
}

TEST(ReadCsv, ReadsMovieLens) {
  const auto t = parse("userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,3,4.0,964981247\n");
  EXPECT_EQ(t.rows(), 2);
  EXPECT_EQ(t.item_ids, (Ids{"1", "3"}));
}

TEST(ReadCsv, ReadsQuotesLineEndsMarkAndTabs) {
  const auto t = parse(
      "\xEF\xBB\xBF\"userId\",itemId,timestamp\r\n\"a,b\",\"say \"\"x\"\"\",1\r\n\r\n c , d e "
      ",2\r\n");
  EXPECT_EQ(t.user_ids, (Ids{"a,b", "c"}));
  EXPECT_EQ(t.item_ids, (Ids{"say \"x\"", "d e"}));
  // no newline at the end
  EXPECT_EQ(parse("userId\titemId\ttimestamp\na\tb c\t1").item_ids, (Ids{"b c"}));
  EXPECT_EQ(parse("userId,itemId,timestamp\na,\"x\ny\",1\n").item_ids, (Ids{"x\ny"}));
}

TEST(ReadCsv, RefusesWhatIsNotATable) {
  expect_input_error([] { (void)read_csv("/nowhere/inter.csv"); },
                     {"/nowhere/inter.csv", "no such file"});
  expect_input_error([] { (void)read_csv("/"); }, {"folder"});
  expect_refused("", {"inter.csv", "empty"});
  expect_refused("\n\n", {"no header"});
  expect_refused(header, {"no row"});
  expect_refused(std::string_view("userId,itemId,timestamp\n1,2,\0\n", 30),
                 {"line 2", "zero byte"});
  expect_refused("\x1f\x8b\x08garbage\n\xff\xfe\n", {"line 1", "gzip"});
}

TEST(ReadCsv, RefusesHeaders) {
  expect_refused("userId,itemId,rating,timestamp,colour\n1,2,3,4,5\n", {"line 1", "colour"});
  expect_refused("userId,rating,timestamp\n1,2,3\n", {"line 1", "no column itemId"});
  expect_refused("itemId,rating,timestamp\n1,2,3\n", {"line 1", "no column userId"});
  expect_refused("userId,itemId,rating\n1,2,3\n", {"timestamp", "split_label"});
  expect_refused("userId,itemId,movieId,timestamp\n1,2,3,4\n", {"two columns"});
  expect_refused("1,2,3,4\n5,6,7,8\n", {"line 1", "column"});
}

TEST(ReadCsv, RefusesRowsAndNamesTheLine) {
  const auto good = header + "1,2,5,100\n";
  expect_refused(good + "\n1,2,5\n", {"line 4", "3 fields", "header has 4", "truncated"});
  expect_refused(good + "1,2,5,6,7\n", {"line 3", "5 fields"});
  expect_refused(good + "1,\"2,5,6\n", {"line 3", "quote"});
  expect_refused(good + "1,\"2\"x,5,6\n", {"line 3", "closing quote"});
  expect_refused(good + "1,,5,6\n", {"line 3", "itemId", "empty"});
  expect_refused(good + "-1,2,5,6\n", {"line 3", "userId", "negative"});
  expect_refused(good + "1,99999999999999999999,5,6\n", {"line 3", "itemId", "2^63"});
  expect_refused(good + "nan,2,5,6\n", {"line 3", "userId"});
  expect_refused(good + std::string(2000, 'x') + ",2,5,6\n", {"line 3", "1024"});
}

TEST(ReadCsv, RefusesNumbers) {
  expect_refused(header + "1,2,nan,100\n", {"line 2", "rating", "not finite"});
  expect_refused(header + "1,2,good,100\n", {"line 2", "rating", "good", "not a number"});
  expect_refused(header + "1,2,,100\n", {"line 2", "rating", "not a number"});
  expect_refused(header + "1,2,5,yesterday\n", {"line 2", "timestamp", "not a number"});
  expect_refused(header + "1,2,5,12x\n", {"line 2", "timestamp", "not a number"});
  expect_refused(header + "1,2,5,-1\n", {"line 2", "timestamp", "negative"});
  expect_refused(header + "1,2,5,1e19\n", {"line 2", "timestamp", "above"});
  expect_refused(header + "1,2,5,1e999\n", {"line 2", "timestamp"});
  expect_refused(header + "1,2,5,inf\n", {"line 2", "timestamp", "not finite"});
  expect_refused("userId,itemId,split_label\n1,2,3\n", {"line 2", "split_label", "no meaning"});
  expect_refused("userId,itemId,split_label\n1,2,train\n",
                 {"line 2", "split_label", "not a number"});
}

}  // namespace
}  // namespace fedfuse
