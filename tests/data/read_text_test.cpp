#include "data/read_text.hpp"

#include "tests/data/gzip.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::expect_input_error;
using test::gzip;

std::string parse(std::string_view bytes) {
  const test::Folder folder(Comm::self());
  return read_text(folder.write("in.csv", bytes));
}
void expect_refused(std::string_view bytes, std::initializer_list<std::string_view> parts) {
  expect_input_error([&] { (void)parse(bytes); }, parts);
}

TEST(ReadText, ReadsPlainAndGzip) {
  EXPECT_EQ(parse("a,b\n"), "a,b\n");
  EXPECT_EQ(parse(gzip("a,b\n")), "a,b\n");
  EXPECT_EQ(parse(gzip("a,b\n") + gzip("") + gzip("c,d\n")), "a,b\nc,d\n");
  EXPECT_EQ(parse(gzip("a,b\n") + std::string(300, '\0')), "a,b\n");
  const std::string more_than_a_buffer(65000, 'x');
  std::string whole;
  std::string members;
  for (int k = 0; k < 10; ++k) {
    whole += more_than_a_buffer + '\n';
    members += gzip(more_than_a_buffer + '\n');
  }
  EXPECT_EQ(parse(members) == whole, true);
}

TEST(ReadText, RefusesGzipThatIsNotWhole) {
  const auto good = gzip("a,b\n1,2\n3,4\n");
  for (std::size_t cut = 2; cut < good.size(); ++cut) {
    SCOPED_TRACE(cut);
    expect_refused(std::string_view(good).substr(0, cut), {"in.csv, line ", "truncated"});
  }
  expect_refused(std::string_view(good).substr(0, 10 + 5 + 9), {"line 3"});
  auto damaged = good;
  damaged[20] ^= 1;
  expect_refused(damaged, {"in.csv, line 4", "damaged", "gzip -t"});
  expect_refused(good + "rest", {"line 4", "last 4 bytes"});
  expect_refused(gzip(""), {"in.csv", "no text"});
  expect_refused("", {"empty"});
}

}  // namespace
}  // namespace fedfuse
