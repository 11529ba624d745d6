#include "data/import.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <numeric>
#include <random>
#include <thread>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "data/read_dataset.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::bytes_of;
using test::expect_input_error;
using test::Folder;
using Ids = std::vector<std::string>;

std::string npy(std::int64_t rows, const std::vector<float>& values) {
  auto header = cat("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows, ", ",
                    std::int64_t(values.size()) / rows, "), }");
  header.resize(117, ' ');
  header += '\n';
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header +
         std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size());
}

// Users 5 and 11 (three rows each, one repeated), user 7 (two rows); items 0, 1, 2, 4.
const std::string inter =
    "userId,itemId,rating,timestamp\n"
    "11,4,1,30\n11,0,1,10\n11,2,1,20\n11,4,1,99\n"
    "5,1,1,1\n5,0,1,2\n5,2,1,3\n"
    "7,1,1,1\n7,2,1,2\n";

struct Source {
  Folder folder;
  ImportOptions options;
  explicit Source(const std::string& csv = inter) {
    options.inter = folder.write("inter.csv", csv);
    options.out = folder / "d.h5";
  }
  // Rank 0 imports: no rank may still read what an import before it has written.
  ImportReport run() const {
    Comm::world().barrier();
    return import_dataset(options, Comm::world());
  }
  Dataset read() const { return read_dataset(options.out, Comm::self()); }
  Ids ids(const char* dataset) const { return h5::File::open(options.out).read_strings(dataset); }
};

TEST(Import, FollowsTheRules) {
  const Source s;
  const auto r = s.run();
  EXPECT_EQ(r.rows, 9);
  EXPECT_EQ(r.duplicates, 1);
  EXPECT_EQ(r.users, 3);
  EXPECT_EQ(r.items, 4);
  EXPECT_EQ(r.interactions, 8);
  EXPECT_EQ(r.not_evaluated, 1);
  EXPECT_EQ(r.test, 2);
  EXPECT_EQ(r.cold_test, 1);   // item 4
  EXPECT_EQ(r.cold_valid, 0);  // items 0 and 2 are trained on by others
  EXPECT_EQ(r.missing_text, 4);
  EXPECT_FALSE(r.split_by_label);
  EXPECT_EQ(s.ids("/clients/id"), (Ids{"5", "7", "11"}));
  EXPECT_EQ(s.ids("/items/id"), (Ids{"0", "1", "2", "4"}));
  const auto d = s.read();
  EXPECT_EQ(d.name, "d");
  EXPECT_EQ(d.train, (std::vector<std::int32_t>{1, 1, 2, 0}));
  EXPECT_EQ(d.valid, (std::vector<std::int32_t>{0, -1, 2}));
  // item "4" is the fourth; its earliest row, at 30, counts
  EXPECT_EQ(d.test, (std::vector<std::int32_t>{2, -1, 3}));
  EXPECT_EQ(d.text.cols, 0);
  const auto words = describe(r);
  for (const auto* part :
       {"9 rows", "1 of them duplicates", "3 users", "8 interactions", "1 users have fewer than 3"})
    EXPECT_NE(words.find(part), std::string::npos) << words;
}

TEST(Import, NamesTheDataAfterItsFile) {
  Source s;
  for (const auto* out : {"ml.25m", "ml.25m.h5", "ml.25m.hdf5"}) {
    s.options.out = s.folder / out;
    (void)s.run();
    EXPECT_EQ(s.read().name, "ml.25m") << out;
  }
}

TEST(Import, KeepsEveryRowOfFeaturesAsAnItem) {
  Source s;
  s.options.text = s.folder.write("t.npy", npy(6, {0, 1, 1, 1, 0, 0, 3, 3, 4, 4, 5, 5}));
  s.options.name = "six";
  const auto r = s.run();
  EXPECT_EQ(r.items, 6);
  EXPECT_EQ(r.items_without_interactions, 2);
  EXPECT_EQ(r.missing_text, 1);
  EXPECT_EQ(r.missing_image, 6);
  const auto d = s.read();
  EXPECT_EQ(d.name, "six");
  EXPECT_EQ(d.test, (std::vector<std::int32_t>{2, -1, 4}));
  EXPECT_EQ(d.text(4, 0), 4);
  EXPECT_EQ(d.has_text, (std::vector<std::uint8_t>{1, 1, 0, 1, 1, 1}));
  EXPECT_EQ(d.has_image, std::vector<std::uint8_t>(6, 0));
}

TEST(Import, FindsRowsByAListOfIds) {
  Source s(inter + "7,9,1,5\n8,9,1,1\n");
  s.options.text = s.folder.write("t.npy", npy(6, {40, 9, 20, 10, 1, 77}));
  s.options.item_ids =
      s.folder.write("movies.csv", "movieId,title\n4,D\n9,N\n2,C\n1,B\n0,A\n77,never\n");
  const auto r = s.run();
  EXPECT_EQ(r.items_without_interactions, 1);
  EXPECT_TRUE(r.rows_listed);
  EXPECT_EQ(warnings(r), Ids());
  EXPECT_EQ(s.ids("/items/id"), (Ids{"4", "9", "2", "1", "0", "77"}));
  const auto d = s.read();
  EXPECT_EQ(d.text.values, (Array<float>{40, 9, 20, 10, 1, 77}));
  EXPECT_EQ(d.test, (std::vector<std::int32_t>{2, 1, -1, 0}));  // items 2, 9, none, 4
  s.options.min_item = 2;                                       // drops 4 and 77
  s.options.overwrite = true;
  (void)s.run();
  EXPECT_EQ(s.ids("/items/id"), (Ids{"9", "2", "1", "0"}));
  EXPECT_EQ(s.read().text.values, (Array<float>{9, 20, 10, 1}));
}

TEST(Import, WarnsOfRowsWithoutInteractions) {
  Source s;
  s.options.text = s.folder.write("t.npy", npy(9, std::vector<float>(9, 1)));
  const auto r = s.run();
  const auto warned = warnings(r).at(0);
  EXPECT_TRUE(warned.starts_with("5 of 9 items have no interaction")) << warned;
  EXPECT_TRUE(warned.find("--item-ids") < warned.size() && describe(r).ends_with(warned));
  s.options.overwrite = true;
  s.options.text = s.folder.write("t.npy", npy(8, std::vector<float>(8, 1)));
  EXPECT_EQ(warnings(s.run()), Ids());  // half of them
}

TEST(Import, FiltersAndTakesTheRowsThatStay) {
  Source s(inter + "7,3,1,0\n7,5,1,5\n8,5,1,1\n8,1,1,2\n");
  s.options.image = s.folder.write("v.npy", npy(6, {0, 1, 2, 3, 4, 5}));
  s.options.min_item = 2;
  s.options.min_user = 2;
  const auto r = s.run();
  EXPECT_EQ(r.dropped_items, 2);  // 3 and 4
  EXPECT_EQ(r.dropped_users, 0);
  EXPECT_EQ(r.dropped_interactions, 2);
  EXPECT_EQ(r.items, 4);
  EXPECT_EQ(s.read().image.values, (Array<float>{0, 1, 2, 5}));
}

// A CSV with every difficulty: equal times, decimals, duplicates, labels, text ids.
std::vector<std::string> random_rows(std::mt19937& random, bool text_ids, bool labels) {
  const auto below = [&](int n) { return int(random() % std::uint32_t(n)); };
  std::vector<std::string> rows;
  for (int user = 0; user < 12; ++user)
    for (int item = 0; item < 40; ++item)
      for (int again = below(4); again > 1; --again)
        rows.push_back(cat(text_ids ? "u" : "", user, ",", text_ids ? "i" : "", item, ",",
                           below(30), again == 2 ? ".5" : "", labels ? ",0\n" : "\n"));
  return rows;
}

TEST(Import, MakesTheSameBytesInAnotherSecond) {
  Source s;
  s.options.overwrite = true;
  (void)s.run();
  const auto before = bytes_of(s.options.out);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  (void)s.run();
  EXPECT_EQ(bytes_of(s.options.out) == before, true);
}

TEST(Import, DependsOnNoOrderOfRowsWithTimes) {
  std::mt19937 random(20240607);
  for (const bool text_ids : {false, true})
    for (const bool labels : {false, true}) {
      auto rows = random_rows(random, text_ids, labels);
      if (labels) rows.push_back(cat(text_ids ? "u0,i" : "0,", 99, ",5,2\n"));
      std::string first;
      for (int trial = 0; trial < 10; ++trial) {
        Source s(cat("userId,itemId,timestamp", labels ? ",split_label\n" : "\n",
                     std::accumulate(rows.begin(), rows.end(), std::string())));
        EXPECT_GT(s.run().duplicates, 0);
        const auto imported = bytes_of(s.options.out);
        if (first.empty()) first = imported;
        EXPECT_EQ(imported == first, true) << "text ids " << text_ids << ", labels " << labels;
        std::ranges::shuffle(rows, random);
      }
    }
}

TEST(Import, LetsLabelsDecide) {
  const Source s("itemID,userID,split_label\nb,x,2\na,x,1\nc,x,0\nd,y,0\nd,x,0\ne,y,0\n");
  const auto r = s.run();
  EXPECT_TRUE(r.split_by_label);
  EXPECT_EQ(s.ids("/items/id"), (Ids{"b", "a", "c", "d", "e"}));
  const auto d = s.read();
  EXPECT_EQ(d.test, (std::vector<std::int32_t>{0, -1}));
  EXPECT_EQ(d.valid, (std::vector<std::int32_t>{1, -1}));
}

TEST(Import, TrainsOnNothingThatIsLabelledHeldOut) {
  const Source s(
      "userId,itemId,split_label\n"
      "a,1,0\na,2,2\n"           // short: trained on and tested
      "b,3,2\n"                  // only held out: dropped
      "c,5,1\nc,6,2\n"           // the same
      "d,7,0\nd,8,1\n"           // short: trained on and validated
      "e,1,0\ne,2,0\ne,7,0\n");  // nothing held out
  const auto r = s.run();
  EXPECT_EQ(r.train, 5);
  EXPECT_EQ(r.valid, 1);
  EXPECT_EQ(r.test, 1);
  EXPECT_EQ(r.users, 3);
  EXPECT_EQ(r.untrained_users, 2);
  EXPECT_EQ(r.not_evaluated, 1);
  EXPECT_EQ(s.ids("/clients/id"), (Ids{"a", "d", "e"}));
  EXPECT_EQ(s.ids("/items/id"), (Ids{"1", "2", "7", "8"}));
  EXPECT_EQ(s.read().train, (std::vector<std::int32_t>{0, 2, 0, 1, 2}));
  EXPECT_NE(describe(r).find("2 have only held-out rows"), std::string::npos) << describe(r);
  const Source nothing("userId,itemId,split_label\na,1,1\na,2,2\n");
  expect_input_error([&] { (void)nothing.run(); }, {"holds out every row", "split_label"});
}

TEST(Import, RefusesFeaturesThatDoNotFit) {
  Source s;
  s.options.text = s.folder.write("t.npy", npy(4, {1, 2, 3, 4}));
  expect_input_error([&] { (void)s.run(); }, {"t.npy", "no row for item 4", "4 rows"});
  s.options.text = s.folder.write("t.npy", npy(6, {1, 2, 3, 4, 5, 6}));
  s.options.image = s.folder.write("v.npy", npy(5, {1, 2, 3, 4, 5}));
  expect_input_error([&] { (void)s.run(); }, {"t.npy", "v.npy", "6 and 5 rows"});
  s.options.image.clear();
  s.options.inter = s.folder.write("inter.csv", "userId,itemId,timestamp\n1,apple,1\n");
  expect_input_error([&] { (void)s.run(); }, {"t.npy", "item apple", "whole number"});
  s.options.item_ids = s.folder.write("ids.txt", "apple\npear\n");
  expect_input_error([&] { (void)s.run(); }, {"ids.txt", "t.npy", "2 ids and 6 rows"});
  s.options.text.clear();
  expect_input_error([&] { (void)s.run(); }, {"--item-ids", "no matrix"});
}

TEST(Import, RefusesAndLeavesNothing) {
  Source s;
  s.options.min_user = 50;
  expect_input_error([&] { (void)s.run(); }, {"nothing of", "--min-user"});
  s.options.min_user = 0;
  expect_input_error([&] { (void)s.run(); }, {"--min-user 0"});
  s.options.min_user = 1;
  s.options.text = s.folder / "absent.npy";
  expect_input_error([&] { (void)s.run(); }, {"absent.npy", "no such file"});
  s.options.text.clear();
  EXPECT_EQ(s.folder.files(), 1);
  (void)s.run();
  expect_input_error([&] { (void)s.run(); }, {"exists already", "--overwrite"});
  s.options.overwrite = true;
  EXPECT_EQ(s.run().users, 3);
  const Source everything("userId,itemId,timestamp\n1,a,1\n1,b,2\n2,a,1\n");
  expect_input_error([&] { (void)everything.run(); }, {"user 1", "all 2 items"});
  EXPECT_EQ(everything.folder.files(), 1);
}

// KU of the NineRec suite is not part of the repository: FEDFUSE_KU names its folder, and without
// it this test does not exist.
class ImportKu : public testing::TestWithParam<std::string> {};
std::vector<std::string> ku_folders() {
  const char* path = std::getenv("FEDFUSE_KU");
  return path != nullptr ? std::vector<std::string>{path} : std::vector<std::string>{};
}
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ImportKu);
INSTANTIATE_TEST_SUITE_P(Named, ImportKu, testing::ValuesIn(ku_folders()));

TEST_P(ImportKu, HasThePublishedFigures) {
  Source s;
  s.options.inter = GetParam() + "/inter.csv";
  s.options.text = GetParam() + "/text_features.npy";
  s.options.image = GetParam() + "/image_features.npy";
  const auto r = s.run();
  EXPECT_EQ(r.rows, 3489);
  EXPECT_EQ(r.duplicates, 5);
  EXPECT_EQ(r.users, 204);
  EXPECT_EQ(r.items, 560);
  EXPECT_EQ(r.test, 204);
  EXPECT_EQ(r.valid, 204);
  EXPECT_EQ(r.cold_test, 88);
  EXPECT_EQ(r.cold_valid, 46);
  EXPECT_EQ(r.missing_text + r.missing_image, 0);
  const auto d = s.read();
  EXPECT_EQ(std::count(d.popularity.begin(), d.popularity.end(), 0), 16);
  for (std::int64_t i = 0; i < 560; i += 7) {
    double square = 0;
    for (std::int64_t k = 0; k < 512; ++k) square += double(d.image(i, k)) * double(d.image(i, k));
    EXPECT_NEAR(square, 1.0, 2e-3);  // float16 unit rows
  }
}

}  // namespace
}  // namespace fedfuse
