// A number knows its data: what `info` prints, and what is refused for other data.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

namespace fs = std::filesystem;
using test::Place;

// The data set of the place, made with other options.
std::string made(const std::string& name, const std::string& more) {
  const auto path = Place::get().file(name);
  const auto outcome = test::fedfuse(
      cat("generate --users 60 --items 60 --dim-text 8 --dim-image 8 --out ", path, " ", more));
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  return path;
}

std::string data_line(const std::string& output) {
  const std::string start = "identity of data";
  const auto at = output.find(start);
  return at == std::string::npos ? "" : output.substr(at, output.find('\n', at) - at);
}
std::string info(const std::string& path) { return test::fedfuse("info " + path).output; }

TEST(Identity, info_prints_it_of_every_kind_of_file) {
  const auto& place = Place::get();
  const auto trained =
      test::fedfuse_on(2, cat("train --rounds 2 --dim 8 --checkpoint-every 1 --data ",
                              place.file("data.h5"), " --out ", place.file("known.h5")));
  ASSERT_EQ(trained.code, 0) << trained.output;
  const auto of_data = data_line(info(place.file("data.h5")));
  EXPECT_EQ(of_data.size(), std::string("identity of data    ").size() + 64) << of_data;
  for (const char* name : {"run.h5", "known.h5", "known.ckpt.1.h5"}) {
    const auto words = info(place.file(name));
    EXPECT_EQ(data_line(words), of_data) << words;
    for (const char* part : {"identity of config  ", "identity of program "})
      EXPECT_NE(words.find(part), std::string::npos) << words;
  }
  EXPECT_TRUE(test::fedfuse("--version").says("identity of program "));
  EXPECT_TRUE(test::fedfuse("--version").says("denormals           are 0"));
}

TEST(Identity, a_model_is_evaluated_on_its_own_data_only) {
  const auto& place = Place::get();
  const auto evaluated = [&](const std::string& data) {
    return test::fedfuse_on(2, cat("evaluate --model ", place.file("run.h5"), " --data ", data));
  };
  EXPECT_EQ(evaluated(made("renamed.h5", "--name renamed")).code, 0);
  const auto other_seed = evaluated(made("seed.h5", "--seed 1"));
  test::expect_refused(other_seed, "was trained on another data set than");
  const auto here = data_line(info(place.file("seed.h5"))).substr(20, 12);
  EXPECT_TRUE(other_seed.says(here + " here")) << other_seed.output;
  test::expect_refused(evaluated(made("shuffled.h5", "--shuffle-features")),
                       "was trained on another data set than");
}

TEST(Identity, a_result_without_one_is_to_be_trained_again) {
  const auto& place = Place::get();
  const auto old = place.file("old.h5");
  const auto made_old =
      test::shell(cat("/usr/bin/python3 -c \"import h5py, shutil; shutil.copy(\\\"",
                      place.file("run.h5"), "\\\", \\\"", old, "\\\"); del h5py.File(\\\"", old,
                      "\\\", \\\"a\\\").attrs[\\\"identity\\\"]\""));
  if (made_old.code != 0) GTEST_SKIP() << "no h5py: " << made_old.output;
  test::expect_refused(
      test::fedfuse(cat("evaluate --model ", old, " --data ", place.file("data.h5"))),
      "train it again with this fedfuse");
  EXPECT_NE(info(old).find("identity            not recorded"), std::string::npos);
  EXPECT_EQ(test::fedfuse("table " + old).code, 0);
}

// The same name and the same counts: only the content tells them apart.
TEST(Identity, a_run_does_not_go_on_with_replaced_data) {
  const auto& place = Place::get();
  const auto data = made("replaced.h5", "");
  const auto line = cat("train --dim 8 --rounds 6 --checkpoint-every 1 --data ", data, " --out ",
                        place.file("going.h5"));
  ASSERT_EQ(test::fedfuse(line + " --time-budget 0.001").code, 75);
  made("replaced.h5", "--shuffle-features --overwrite");
  test::expect_refused(test::fedfuse_on(2, line + " --resume"),
                       "the identity of the data set was ");
}

TEST(Identity, a_table_says_when_its_results_are_of_different_data) {
  const auto& place = Place::get();
  const auto data = made("table.h5", "--seed 5");
  const auto run = place.file("of_table.h5");
  ASSERT_EQ(test::fedfuse(cat("train --rounds 1 --dim 8 --data ", data, " --out ", run)).code, 0);
  const auto both = test::fedfuse(cat("table ", run, " ", place.file("run.h5")));
  EXPECT_EQ(both.code, 0);
  EXPECT_TRUE(both.says("NOTE: the results are of 2 different data sets")) << both.output;
  EXPECT_FALSE(test::fedfuse(cat("table ", run, " ", run)).says("NOTE"));
}

}  // namespace
}  // namespace fedfuse
