#include "data/delimiter.hpp"

#include <gtest/gtest.h>

namespace fedfuse {
namespace {

TEST(Delimiter, CountsFieldsOutsideQuotes) {
  EXPECT_EQ(fields_of_first_line("a,b;c\nd,e,f\n", Delimiter::comma), 2u);
  EXPECT_EQ(fields_of_first_line("\n\r\na;b;c\r\nd", Delimiter::semicolon), 3u);
  EXPECT_EQ(fields_of_first_line("1::2:3::4", Delimiter::double_colon), 3u);
  EXPECT_EQ(fields_of_first_line("\"a,\"\",b\",\"c\nd\",e\n", Delimiter::comma), 3u);
  EXPECT_EQ(fields_of_first_line("5\" disc,b,c\n", Delimiter::comma), 3u);
  EXPECT_EQ(fields_of_first_line("\"no end,b\n1,2,3\n", Delimiter::comma), 2u);
  EXPECT_EQ(fields_of_first_line("", Delimiter::comma), 1u);
}

TEST(Delimiter, IsTheOneWithMostFieldsOrAsManyAsColumns) {
  const auto detected = [](std::string_view text, std::size_t columns = 0) {
    const auto found = detect_delimiter(text, columns);
    EXPECT_FALSE(found.rival) << text;
    return found.delimiter;
  };
  EXPECT_EQ(detected("user,item,time\n"), Delimiter::comma);
  EXPECT_EQ(detected("user\titem\ttime, s\n"), Delimiter::tab);
  EXPECT_EQ(detected("u;i;4,5;2020\n"), Delimiter::semicolon);
  EXPECT_EQ(detected("1::1193::5::978300760"), Delimiter::double_colon);
  EXPECT_EQ(detected("1|2|3"), Delimiter::pipe);
  EXPECT_EQ(detected("one"), Delimiter::comma);
  EXPECT_EQ(detected("1,2,Crime|Drama|War|Noir|Noir,5", 4), Delimiter::comma);
  EXPECT_EQ(detected("1|a,b,c,d,e|3|5", 4), Delimiter::pipe);
  const auto unsure = detect_delimiter("a,b;c,d;e", 4);
  EXPECT_EQ(unsure.delimiter, Delimiter::comma);
  EXPECT_EQ(unsure.rival, Delimiter::semicolon);
}

}  // namespace
}  // namespace fedfuse
