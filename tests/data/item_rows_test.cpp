#include "data/item_rows.hpp"

#include "tests/data/gzip.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::expect_input_error;
using Ids = std::vector<std::string>;
using Rows = std::vector<std::int32_t>;

Ids parse(std::string_view text) {
  const test::Folder folder(Comm::self());
  return read_item_ids(folder.write("ids.txt", text));
}
void expect_refused(std::string_view text, std::initializer_list<std::string_view> parts) {
  expect_input_error([&] { (void)parse(text); }, parts);
}

TEST(ItemRows, ReadsLists) {
  EXPECT_EQ(parse("10\n7\nx\n"), (Ids{"10", "7", "x"}));
  EXPECT_EQ(parse("\xEF\xBB\xBF"
                  "10\r\n\r\n7"),
            (Ids{"10", "7"}));
  EXPECT_EQ(parse("item_id\n10\n7\n"), (Ids{"10", "7"}));
  EXPECT_EQ(parse("\"a,b\"\nc\n"), (Ids{"a,b", "c"}));
  // MovieLens' movies.csv
  EXPECT_EQ(parse("movieId,title,genres\n1,\"Heat, 1995\",Crime|Drama\n296,Fargo,Crime\n"),
            (Ids{"1", "296"}));
  EXPECT_EQ(parse("title\titemId\nHeat\t1\n"), Ids{"1"});
  EXPECT_EQ(parse("itemId;title\n1;Heat, 1995\n"), Ids{"1"});
  EXPECT_EQ(parse("a;b\nc\n"), (Ids{"a;b", "c"}));
  EXPECT_EQ(parse(test::gzip("itemId\n10\n")), Ids{"10"});
}

TEST(ItemRows, RefusesWhatIsNoList) {
  expect_refused("\n\n", {"ids.txt", "lists no item"});
  expect_refused("itemId\n", {"lists no item"});
  expect_refused("1\t2\n3\t4\n", {"line 1", "2 columns", "itemId"});
  expect_refused("1,2\n3,4\n", {"line 1", "2 columns", "itemId"});
  expect_refused("itemId,movieId\n3,4\n", {"line 1", "two columns"});
  expect_refused("1\n2,3\n", {"line 2", "2 fields"});
  expect_refused("movieId,title\n1\n", {"line 2", "1 fields"});
  expect_refused("5\n6\n5\n", {"line 3", "\"5\"", "line 1 already"});
  expect_refused("5\nNULL\n", {"line 2", "missing value"});
  expect_refused("5\ncaf\xE9\n", {"line 2", "UTF-8"});
}

TEST(ItemRows, FindsRowsByNumberOrByList) {
  const ItemRowFiles by_number{.inter = "i.csv", .matrix = "t.npy", .ids = ""};
  const auto numbers = ids_of_rows(by_number, 4);
  EXPECT_EQ(numbers, (Ids{"0", "1", "2", "3"}));
  EXPECT_EQ(rows_of_items(by_number, numbers, {"3", "0"}), (Rows{3, 0}));
  const test::Folder folder(Comm::self());
  const ItemRowFiles listed{
      .inter = "i.csv", .matrix = "t.npy", .ids = folder.write("ids.txt", "900\nb\n7\n")};
  EXPECT_EQ(rows_of_items(listed, ids_of_rows(listed, 3), {"7", "900"}), (Rows{2, 0}));
}

TEST(ItemRows, RefusesAMismatchWithBothNumbers) {
  const test::Folder folder(Comm::self());
  const ItemRowFiles listed{
      .inter = "i.csv", .matrix = "t.npy", .ids = folder.write("ids.txt", "900\nb\n7\n")};
  expect_input_error([&] { (void)ids_of_rows(listed, 4); },
                     {"ids.txt", "t.npy", "3 ids and 4 rows", "one id for each row"});
  expect_input_error([&] { (void)rows_of_items(listed, {"900", "b", "7"}, {"b", "8", "9"}); },
                     {"ids.txt", "\"8\"", "3 rows", "3 items", "2 have no row"});
  const ItemRowFiles by_number{.inter = "i.csv", .matrix = "t.npy", .ids = ""};
  expect_input_error([&] { (void)rows_of_items(by_number, {"0", "1"}, {"1", "2"}); },
                     {"t.npy", "item 2", "2 rows", "2 items", "1 have no row", "--item-ids"});
  expect_input_error([&] { (void)rows_of_items(by_number, {"0", "1"}, {"01"}); },
                     {"item 01", "not a whole number", "--item-ids"});
}

}  // namespace
}  // namespace fedfuse
