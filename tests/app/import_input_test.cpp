// `fedfuse import`, given other people's files as they come.
#include <gtest/gtest.h>

#include <cstdint>

#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

// An NPY file, version 1: rows x cols of a type.
std::string npy(const std::string& type, const std::string& order, const std::string& shape,
                const std::string& body) {
  auto header =
      cat("{'descr': '", type, "', 'fortran_order': ", order, ", 'shape': ", shape, ", }");
  header += std::string(64 - (11 + header.size()) % 64, ' ') + "\n";
  std::string text("\x93NUMPY\x01\x00", 8);
  text += char(header.size() % 256);
  text += char(header.size() / 256);
  return text + header + body;
}

std::string floats(int n, float value) {
  std::string body;
  for (int i = 0; i < n; ++i) body.append(reinterpret_cast<const char*>(&value), sizeof value);
  return body;
}

// 6 users, each with 4 items of 60.
std::string good_csv() {
  std::string csv = "userID,itemID,rating,timestamp\n";
  for (int u = 0; u < 6; ++u)
    for (int k = 0; k < 4; ++k) csv += cat(u, ",", (7 * u + 11 * k) % 60, ",1,", 100 * k, "\n");
  return csv;
}

void expect_refused(const std::string& arguments, const std::string& because) {
  const auto& place = Place::get();
  SCOPED_TRACE(arguments);
  test::without_a_trace([&] {
    test::expect_refused(
        test::fedfuse(cat("import ", arguments, " --out ", place.file("imported.h5"))), because);
  });
}

void expect_csv_refused(const std::string& csv, const std::string& because) {
  const auto path = Place::get().file("inter.csv");
  test::write_text(path, csv);
  SCOPED_TRACE(csv.substr(0, 80));
  expect_refused(cat("--inter ", path), because);
}

TEST(ImportInput, interactions) {
  const auto& place = Place::get();
  expect_refused("", "needs --inter");
  expect_refused(cat("--inter ", place.file("absent.csv")), "no such file");
  expect_refused(cat("--inter ", place.file("folder")), "folder");
  expect_refused(cat("--inter ", place.file("data.h5")), "data.h5");  // binary
  expect_csv_refused("", "empty");
  expect_csv_refused("userID,itemID,rating,timestamp\n", "inter.csv");
  expect_csv_refused("who,what\n1,2\n", "who");
  expect_csv_refused("userID,itemID,timestamp\n1,2\n", "line 2");
  expect_csv_refused("userID,itemID,rating,timestamp\n1,2,nan,3\n", "line 2");
  expect_csv_refused("userID,itemID,timestamp\n1,2,soon\n", "line 2");
  expect_csv_refused("userID,itemID,timestamp\n1,2,-5\n", "line 2");
  expect_csv_refused("userID,itemID,timestamp\n1,2,99999999999999999999999\n", "line 2");
}

TEST(ImportInput, formats_of_tables) {
  const auto& place = Place::get();
  const auto table = place.file("ratings.dat"), packed = table + ".gz", cut = place.file("cut.gz");
  std::string rows = "u1::i1::5::2020-09-22\n";
  for (int k = 0; k < 2000; ++k)
    rows += cat("u", k % 50, "::i", 7 * k % 201, "::", k % 5, "::2020-0", 1 + k % 9, "-",
                10 + k % 19, "T12:00:00Z\n");
  test::write_text(table, rows);
  ASSERT_EQ(test::shell(cat("gzip -k ", table, " && head -c 2000 ", packed, " > ", cut)).code, 0);
  const std::string named = " --columns user,item,rating,timestamp";
  expect_refused(cat("--inter ", cut, named), "the file is truncated");
  expect_refused(cat("--inter ", packed, " --columns user,item,stars,timestamp"), "\"stars\"");
  expect_refused(cat("--inter ", packed, named, " --delimiter tabs"), "double-colon");
  expect_refused(cat("--inter ", packed, " --header no"), "--columns");
  expect_refused(cat("--inter ", packed), "ratings.dat.gz, line 1");
  const auto with_row = [&](const std::string& row, const std::string& because) {
    test::write_text(table, rows + row);
    SCOPED_TRACE(row);
    expect_refused(cat("--inter ", table, named), because);
  };
  with_row("u1::i1::5\n", "line 2002");
  with_row("u1,i1,5,2020-09-22\n", "with comma this line would have 4");
  with_row("u1::i1::5::2020-09-31\n", "no date of the calendar");
  with_row("u1::i1::5::1600000000\n", "below dates");
  const auto out = place.file("formats.h5");
  const auto outcome = test::fedfuse(cat("import --inter ", packed, named, " --out ", out));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(
      outcome.says("delimiter: double-colon; the first line is a row; timestamps: dates "
                   "from 2020-01-"))
      << outcome.output;
  const auto info = test::fedfuse(cat("info ", out));
  EXPECT_TRUE(info.says("ids of clients      \"u0\", \"u1\", \"u10\", ...")) << info.output;
  EXPECT_TRUE(info.says("ids of items        \"i0\", \"i1\"")) << info.output;
}

TEST(ImportInput, features) {
  const auto& place = Place::get();
  const auto csv = place.file("good.csv"), features = place.file("text.npy");
  test::write_text(csv, good_csv());
  const auto refuse = [&](const std::string& content, const std::string& because) {
    test::write_text(features, content);
    SCOPED_TRACE(content.substr(0, 80));
    expect_refused(cat("--inter ", csv, " --text ", features), because);
  };
  refuse("not numpy", "text.npy");
  refuse(npy("<f4", "False", "(60, 4)", floats(100, 1)), "text.npy");  // too short
  refuse(npy("<i8", "False", "(60, 4)", floats(480, 1)), "text.npy");  // type
  refuse(npy("<f4", "True", "(60, 4)", floats(240, 1)), "text.npy");   // order
  refuse(npy("<f4", "False", "(240,)", floats(240, 1)), "text.npy");   // shape
  refuse(npy("<f4", "False", "(20, 4)", floats(80, 1)), "text.npy");   // fewer rows than items
  refuse(npy("<f4", "False", "(60, 4)", floats(240, std::stof("nan"))), "text.npy");
}

TEST(ImportInput, rows_without_interactions_are_warned_of) {
  const auto& place = Place::get();
  const auto csv = place.file("few.csv"), features = place.file("many.npy"),
             ids = place.file("ids.txt");
  test::write_text(csv, good_csv());
  test::write_text(features, npy("<f4", "False", "(400, 2)", floats(800, 1)));
  const auto line = cat("import --inter ", csv, " --text ", features);
  const auto outcome = test::fedfuse(cat(line, " --out ", place.file("few.h5")));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(outcome.says("fedfuse: warning: ") && outcome.says("have no interaction"))
      << outcome.output;
  test::write_text(ids, "1\n2\n");
  test::expect_refused(test::fedfuse(cat(line, " --item-ids ", ids, " --out ", place.file("x.h5"))),
                       "2 ids and 400 rows");
}

TEST(ImportInput, good_files_are_taken_and_short_users_reported) {
  const auto& place = Place::get();
  const auto csv = place.file("short.csv"), features = place.file("good.npy"),
             out = place.file("good.h5");
  test::write_text(csv, good_csv() + "9,1,1,5\n");  // user 9 has one interaction
  test::write_text(features, npy("<f4", "False", "(60, 4)", floats(240, 1)));
  const auto outcome =
      test::fedfuse_on(2, cat("import --inter ", csv, " --text ", features, " --out ", out));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(outcome.says("1 users have fewer than 3 interactions")) << outcome.output;
  const auto info = test::fedfuse(cat("info ", out));
  EXPECT_TRUE(info.says("clients             7") && info.says("items               60") &&
              info.says("4 wide"))
      << info.output;
}

}  // namespace
}  // namespace fedfuse
