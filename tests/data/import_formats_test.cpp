// One set of interactions in the forms that people keep it in.
#include <vector>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "data/import.hpp"
#include "data/read_dataset.hpp"
#include "tests/data/gzip.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using Ids = std::vector<std::string>;
using test::Folder;

struct Imported {
  Ids users, items;
  std::vector<std::int32_t> train, valid, test;
  bool operator==(const Imported&) const = default;
};
struct Outcome {
  ImportReport report;
  Imported data;
};

Outcome imported(std::string_view text, const std::string& columns = "") {
  const Folder folder;
  ImportOptions options;
  options.inter = folder.write("inter", text);
  options.out = folder / "d.h5";
  options.format.columns = columns;
  const auto report = import_dataset(options, Comm::world());
  const auto data = read_dataset(options.out, Comm::self());
  const auto file = h5::File::open(options.out);
  return {report,
          {file.read_strings("/clients/id"), file.read_strings("/items/id"), data.train, data.valid,
           data.test}};
}

// day 0, 1, ...: of September 2020
std::string rows(const std::string& separator, const std::string& end, auto&& time) {
  std::string text;
  int day = 0;
  for (const auto& [user, item] : std::vector<std::pair<std::string, std::string>>{{"Zoé", "B00X"},
                                                                                   {"amy", "B00X"},
                                                                                   {"Zoé", "B00A"},
                                                                                   {"amy", "b7"},
                                                                                   {"Zoé", "b7"},
                                                                                   {"amy", "B0,1"},
                                                                                   {"amy", "B00A"},
                                                                                   {"lou", "B00Z"}})
    text += cat(user, separator, '"', item, '"', separator, "5", separator, time(++day), end);
  return text;
}

TEST(ImportFormats, GiveTheSameData) {
  const auto seconds = [](int day) { return std::to_string(1598918400 + 86400 * day); };
  const auto millis = [&](int day) { return seconds(day) + "250"; };
  const auto date = [](int day) { return cat("2020-09-0", day + 1, "T08:00:00+08:00"); };
  const std::string names = "user,item,rating,timestamp";
  const auto plain = imported("userId,itemId,rating,timestamp\n" + rows(",", "\n", seconds));
  EXPECT_EQ(plain.data.users, (Ids{"Zoé", "amy", "lou"}));
  EXPECT_EQ(plain.data.items, (Ids{"B0,1", "B00A", "B00X", "B00Z", "b7"}));
  EXPECT_EQ(plain.data.test, (std::vector<std::int32_t>{4, 1, -1}));
  EXPECT_EQ(plain.data.valid, (std::vector<std::int32_t>{1, 0, -1}));
  EXPECT_EQ(imported(rows("::", "\n", millis), names).data, plain.data);
  EXPECT_EQ(imported(rows("\t", "\r\n", date), names).data, plain.data);
  const auto semicolons = "\xEF\xBB\xBFwho;what;stars;when\r\n" + rows(";", "\r\n", date);
  const auto packed = imported(test::gzip(semicolons), names);
  EXPECT_EQ(packed.data, plain.data);
  EXPECT_TRUE(packed.report.found.header);
  const auto words = describe(packed.report);
  EXPECT_NE(words.find("delimiter: semicolon; the first line is a header; timestamps: dates from "
                       "2020-09-02 to 2020-09-09"),
            std::string::npos)
      << words;
}

TEST(ImportFormats, SayTheUnitOfTimesAndWarnOfTwo) {
  const auto report = [](const std::string& first, const std::string& last) {
    return imported(cat("u,a,", first, "\nu,b,", last, "\nv,c,", last, "\n"), "user,item,time")
        .report;
  };
  const auto says = [](const ImportReport& r, const std::string& part) {
    EXPECT_NE(describe(r).find(part), std::string::npos) << describe(r);
  };
  const auto millis = report("1598918400250", "1599004800000");
  says(millis,
       "the first line is a row; timestamps: numbers; as milliseconds since 1970 from "
       "2020-09-01 to 2020-09-02");
  says(report("1598918400", "1599004800.5"), "as seconds since 1970 from 2020-09-01");
  says(report("1598918400000000000", "1599004800000000000"), "as nanoseconds since 1970");
  says(report("3", "1599004800"), "timestamps: numbers from 3 to 1599004800");
  EXPECT_EQ(warnings(millis), Ids());
  const auto mixed = warnings(report("1598918400", "1599004800000"));
  ASSERT_EQ(mixed.size(), 1u);
  EXPECT_NE(mixed.front().find("look like seconds since 1970 and others like milliseconds"),
            std::string::npos)
      << mixed.front();
}

}  // namespace
}  // namespace fedfuse
