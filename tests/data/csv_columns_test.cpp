// Files whose columns --columns names, delimiters other than the comma, and dates.
#include "data/csv_columns.hpp"

#include "core/text.hpp"
#include "data/read_csv.hpp"
#include "tests/data/gzip.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::expect_input_error;
using Ids = std::vector<std::string>;

InteractionTable parse(std::string_view text, const CsvFormat& format = {}) {
  const test::Folder folder(Comm::self());
  return read_csv(folder.write("inter.csv", text), format);
}
CsvFormat columns(const std::string& words) {
  CsvFormat format;
  format.columns = words;
  return format;
}
void expect_refused(std::string_view text, const CsvFormat& format,
                    std::initializer_list<std::string_view> parts) {
  expect_input_error([&] { (void)parse(text, format); }, parts);
}

TEST(CsvColumns, AreThoseOfTheOption) {
  const auto t =
      parse("1::x::5::a::978300760\n2::y::3::b::978302109\n", columns("item,-,rating,user,time"));
  EXPECT_EQ(t.item_ids, (Ids{"1", "2"}));
  EXPECT_EQ(t.user_ids, (Ids{"a", "b"}));
  EXPECT_EQ(t.time, (std::vector<std::int64_t>{978300760, 978302109}));
  EXPECT_EQ(t.found.delimiter, Delimiter::double_colon);
  EXPECT_FALSE(t.found.header);
  EXPECT_EQ(parse("1\t2\t3\t881250949\n", columns("User_ID, movieId ,rating,timestamp")).rows(), 1);
  EXPECT_EQ(parse("a;b;1\nc;d;0\n", columns("user,item,split_label")).split,
            (std::vector<std::uint8_t>{1, 0}));
}

TEST(CsvColumns, SkipAHeader) {
  const auto rows = columns("user,item,rating,timestamp");
  for (const auto* header : {"reviewer,asin,stars,when\n", "userId,itemId,rating,timestamp\n"}) {
    const auto t = parse(std::string(header) + "u,i,5,1\n", rows);
    EXPECT_TRUE(t.found.header);
    EXPECT_EQ(t.user_ids, Ids{"u"});
  }
  EXPECT_FALSE(parse("user,item,5,2020-01-01\n", rows).found.header);
  auto forced = rows;
  forced.header = Header::yes;
  EXPECT_EQ(parse("0,1,2,3\nu,i,5,1\n", forced).user_ids, Ids{"u"});
  forced.header = Header::no;
  expect_refused("reviewer,asin,stars,when\nu,i,5,1\n", forced, {"line 1", "rating", "stars"});
  // one number among the words: a row that is damaged, no header
  expect_refused("u,i,5,soon\nu,i,5,1\n", rows, {"line 1", "timestamp", "soon"});
  expect_refused("itemId,userId,rating,timestamp\ni,u,5,1\n", rows,
                 {"line 1", "column 1", "itemId", "--columns says userId"});
  forced.columns.clear();
  expect_refused("u,i,5,1\n", forced, {"--header no", "--columns"});
}

TEST(CsvColumns, RefuseNames) {
  const auto refused = [&](const std::string& words,
                           std::initializer_list<std::string_view> parts) {
    expect_refused("1,2,3,4\n", columns(words), parts);
  };
  refused("user,item,stars,time", {"--columns user,item,stars,time", "\"stars\"", "skip"});
  refused("user,item,timestmp", {"\"timestmp\"", "did you mean timestamp"});
  refused("user,item,,time", {"\"\"", "no column"});
  refused("user,item,movieId,time", {"two columns for itemId"});
  refused("item,time", {"no column userId"});
  refused("user,time", {"no column itemId"});
  refused("user,item,rating", {"neither", "timestamp", "split_label"});
  refused("user,item,rating,time,-", {"line 1", "4 fields", "--columns names 5"});
}

TEST(CsvColumns, AreSuggestedWhereTheHeaderHasMore) {
  expect_refused("brand;user_id;item_id;when\na;b;c;d\n", {},
                 {"line 1", "brand", "--columns -,user,item,-"});
  expect_refused("1,2,3,4\n5,6,7,8\n", {}, {"line 1", "names no columns", "--columns user,item"});
}

TEST(CsvColumns, OfAnyDelimiter) {
  for (const std::string separator : {",", "\t", ";", "::", "|"}) {
    const auto line = [&](const Ids& fields) { return joined(fields, separator) + "\r\n"; };
    const auto quoted = cat("\"a", separator, "\"\"b\"\"\"");
    const auto t = parse("\xEF\xBB\xBF" + line({"userId", "itemId", "timestamp"}) +
                         line({quoted, " c d ", "5"}) + "\r\n" + line({"b", "e", "6"}));
    EXPECT_EQ(t.user_ids, (Ids{cat("a", separator, "\"b\""), "b"}));
    EXPECT_EQ(t.item_ids, (Ids{"c d", "e"}));
    EXPECT_EQ(characters_of(t.found.delimiter), separator);
  }
  EXPECT_EQ(parse("userId::itemId::timestamp\na:b::c::1\n").user_ids, Ids{"a:b"});
}

TEST(CsvColumns, RefuseMixedDelimiters) {
  const std::string good = "userId;itemId;timestamp\na;b;1\n";
  expect_refused(good + "a,c,2\n", {},
                 {"line 3", "1 field ", "semicolon", "with comma", "one delimiter"});
  expect_refused(good + "a;c\n", {}, {"line 3", "2 fields", "header has 3", "truncated"});
  expect_refused("userId;itemId,timestamp\na;b,1\n", {},
                 {"line 1", "comma or semicolon", "--delimiter comma"});
  CsvFormat forced;
  forced.delimiter = Delimiter::comma;
  expect_refused(good, forced, {"line 1", "does not know"});
  forced.delimiter = Delimiter::semicolon;
  EXPECT_EQ(parse(good, forced).rows(), 1);
  forced.columns = "user,item,-,time";
  EXPECT_EQ(parse("1;2;a,b,c,d;3\n", forced).rows(), 1);
}

TEST(CsvColumns, ReadDates) {
  const std::string header = "user,item,date\n";
  const auto t = parse(header + "a,b,2020-09-22\na,c,2020-09-22T12:30:15.5Z\na,d,1969-12-31\n");
  EXPECT_EQ(t.time, (std::vector<std::int64_t>{1600732800, 1600777815, -86400}));
  EXPECT_EQ(t.time_fraction, (std::vector<double>{0, 0.5, 0}));
  EXPECT_EQ(t.found.times, TimeForm::date);
  EXPECT_EQ(t.found.first_time, -86400);
  EXPECT_EQ(t.found.last_time, 1600777815);
  EXPECT_EQ(parse(header + "a,b,1600732800123\n").found.times, TimeForm::number);
  EXPECT_EQ(parse("user,item,split\na,b,0\n").found.times, TimeForm::none);
  expect_refused(header + "a,b,2020-09-22\na,c,2020-02-30\n", {},
                 {"line 3", "\"2020-02-30\"", "no date", "2020-09-22T12:30:15"});
  expect_refused(header + "a,b,22.9.2020\n", {}, {"line 2", "not a number, and no date"});
  expect_refused(header + "a,b,2020-09-22\na,c,5\n", {}, {"line 3", "\"5\"", "below dates"});
  expect_refused(header + "a,b,5\na,c,2020-09-22\n", {}, {"line 3", "is a date", "numbers"});
}

TEST(CsvColumns, ReadGzip) {
  const auto text = test::gzip("\xEF\xBB\xBFuser;item;date\r\na;b;2020-09-22\r\n");
  EXPECT_EQ(parse(text).item_ids, Ids{"b"});
  expect_refused(std::string_view(text).substr(0, text.size() - 9), {}, {"line 2", "truncated"});
}

}  // namespace
}  // namespace fedfuse
