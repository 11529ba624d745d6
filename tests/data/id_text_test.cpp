#include "data/id_text.hpp"

#include "data/read_csv.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::expect_input_error;

TEST(IdText, TakesIds) {
  for (const auto* id : {"0", "007", "a", "9223372036854775807", "J\xC3\xBCrgen", "\xE4\xBD\xA0",
                         "\xF0\x9F\x8E\xAC", "Nana", "nullable", "-x", "NA-1", "None!"})
    EXPECT_EQ(id_fault(id), "") << id;
}

TEST(IdText, RefusesWordsForAMissingValue) {
  for (const auto* id : {"NULL", "None", "NA", "null", "\\N", "<NA>", "nan", "NaN", "N/A", "n/a",
                         "#N/A", "-nan", "(null)", "NaT", "nil", "nONE", "-1.#QNAN"})
    EXPECT_NE(id_fault(id).find("missing value"), std::string::npos) << id;
  for (const auto* id : {"", " ", "\t", "   \t"}) EXPECT_EQ(id_fault(id), "is empty");
}

TEST(IdText, RefusesNumbersOutOfRange) {
  EXPECT_EQ(id_fault("-1"), "is negative");
  EXPECT_EQ(id_fault("9223372036854775808"), "is above 2^63 - 1");
}

TEST(IdText, KnowsUtf8) {
  for (const auto* good : {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const auto* bad : {"J\xFCrgen", "\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF",
                          "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                          "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "\xE2\x82x", "a\xFF"})
    EXPECT_FALSE(is_utf8(bad)) << bad;
}

// Users and items alike, quoted or not, wherever the row stands.
TEST(IdText, IsAskedForEveryIdOfACsv) {
  const test::Folder folder(Comm::self());
  const auto refused = [&](const std::string& row, std::initializer_list<std::string_view> parts) {
    const auto path = folder.write("inter.csv", "userId,itemId,timestamp\na,b,1\n" + row + "\n");
    expect_input_error([&] { (void)read_csv(path); }, parts);
  };
  refused("a,NULL,1", {"inter.csv", "line 3", "itemId", "\"NULL\"", "missing value"});
  refused("\"n/a\",b,1", {"line 3", "userId", "missing value"});
  refused("\"  \",b,1", {"line 3", "userId", "empty"});
  refused("Ren\xE9,b,1", {"line 3", "userId", "Ren?", "UTF-8", "Latin-1"});
  refused("a,\"caf\xE9\",1", {"line 3", "itemId", "UTF-8"});
  refused("a,\x93quoted\x94,1", {"line 3", "itemId", "UTF-8"});  // Windows-1252
}

TEST(IdText, PrintsWhatCanBePrinted) {
  EXPECT_EQ(printable("a\xFC\n"), "\"a??\"");
  EXPECT_EQ(printable(std::string(50, 'x')), '"' + std::string(40, 'x') + "...\"");
}

}  // namespace
}  // namespace fedfuse
