// A mean over nobody is missing, not 0: without a validation item, without a test item, without
// cold items, and where --cold-items leaves none.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

struct HeldOut {
  bool valid = true, test = true;
  bool cold = false;  // the validation item is in no training set
};

// 20 users, each with 8 training items of 54.
std::string data_with(const std::string& name, const HeldOut& held) {
  std::string csv = "userId,itemId,split_label\n";
  for (int u = 0; u < 20; ++u) {
    for (int k = 0; k < 8; ++k) csv += cat(u, ",", (2 * u + 3 * k) % 54, ",0\n");
    if (held.valid) csv += cat(u, ",", held.cold ? 100 + u : (2 * u + 25) % 54, ",1\n");
    if (held.test) csv += cat(u, ",", (2 * u + 29) % 54, ",2\n");
  }
  const auto& place = Place::get();
  test::write_text(place.file(name + ".csv"), csv);
  const auto made = test::fedfuse(cat("import --overwrite --inter ", place.file(name + ".csv"),
                                      " --out ", place.file(name + ".data.h5")));
  EXPECT_EQ(made.code, 0) << made.output;
  return place.file(name + ".data.h5");
}

std::string train(const std::string& data, const std::string& name, const std::string& more = "") {
  return cat("train --overwrite --dim 8 --rounds 4 --data ", data, " --out ",
             Place::get().file(name + ".h5"), " ", more);
}

nlohmann::json twin(const std::string& name) {
  return nlohmann::json::parse(test::read_text(Place::get().file(name + ".json")));
}

void expect_missing(const nlohmann::json& run, const std::string& column, bool missing) {
  for (const auto* table : {"metrics", "baselines"})
    for (const auto& value : run[table][column])
      EXPECT_EQ(value.is_null(), missing) << table << "/" << column;
}

void expect_last_round(const std::string& name, const test::Outcome& trained) {
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_TRUE(trained.says("best round - of 4") && trained.says("validation NDCG@50 -"))
      << trained.output;
  const auto run = twin(name);
  EXPECT_EQ(run["best_round"], 0);
  EXPECT_EQ(run["model_round"], 4);
  EXPECT_EQ(run["status"], "finished");
  EXPECT_NE(run["status_text"].get<std::string>().find("the model is that of the last round"),
            std::string::npos);
  EXPECT_FALSE(run["facts"].contains("best_valid_ndcg_50"));
  for (const char* fact : {"rounds_after_best", "rising_at_end"})
    EXPECT_TRUE(run["facts"].at(fact).is_null()) << fact;
  expect_missing(run, "valid_ndcg_50", true);
  const auto file = Place::get().file(name + ".h5");
  EXPECT_TRUE(std::isnan(h5::File::open(file).read_all<double>("/metrics/valid_hr_10").front()));
  const auto info = test::fedfuse("info " + file);
  EXPECT_TRUE(info.says("best by validation NDCG@50: -; model stored: after round 4"))
      << info.output;
  const auto table = test::fedfuse("table " + file);
  EXPECT_TRUE(table.says("no validation item was ranked")) << table.output;
}

TEST(EmptySet, without_a_validation_item_the_last_round_is_the_model) {
  const auto data = data_with("no_valid", {.valid = false});
  expect_last_round("no_valid", test::fedfuse(train(data, "no_valid")));
  expect_missing(twin("no_valid"), "test_ndcg_50", false);
  const auto evaluated = test::fedfuse_on(
      2, cat("evaluate --data ", data, " --model ", Place::get().file("no_valid.h5"), " --k 10 ",
             "--overwrite --out ", Place::get().file("no_valid.evaluated.json")));
  ASSERT_EQ(evaluated.code, 0) << evaluated.output;
  const auto json = twin("no_valid.evaluated");
  EXPECT_TRUE(json["valid"]["all"]["hr"][0].is_null() && json["test"]["all"]["hr"][0].is_number());
  // what the file holds is the model of the last round: the numbers that were recorded for it
  EXPECT_EQ(json["test"]["all"]["hr"][0], twin("no_valid")["metrics"]["test_hr_10"][3]);
}

TEST(EmptySet, validation_items_that_are_left_out_are_none) {
  const auto data = data_with("cold_valid", {.cold = true});
  expect_last_round("cold_valid",
                    test::fedfuse_on(2, train(data, "cold_valid", "--cold-items exclude")));
  EXPECT_EQ(test::fedfuse(train(data, "cold_rank")).code, 0);
  const auto ranked = twin("cold_rank");
  EXPECT_GT(ranked["best_round"], 0);
  expect_missing(ranked, "valid_ndcg_50_warm", true);
  expect_missing(ranked, "valid_ndcg_50_cold", false);
}

TEST(EmptySet, patience_without_validation_is_refused) {
  const auto data = data_with("patience", {.valid = false});
  test::without_a_trace([&] {
    for (const int ranks : {1, 2})
      test::expect_refused(test::fedfuse_on(ranks, train(data, "patient", "--patience 2")),
                           "no client has a validation item");
  });
}

TEST(EmptySet, without_a_test_item_there_is_no_test_quality) {
  const auto data = data_with("no_test", {.test = false});
  const auto trained = test::fedfuse(train(data, "no_test", "--patience 3"));
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_TRUE(trained.says("test HR@50 -, NDCG@50 - (popularity -, -)")) << trained.output;
  const auto run = twin("no_test");
  EXPECT_GT(run["best_round"], 0);
  EXPECT_EQ(run["status"].get<std::string>().find("invalid"), std::string::npos);
  for (const auto* metric : {"test_hr_50", "test_ndcg_10_warm", "test_ndcg_10_cold"})
    expect_missing(run, metric, true);
  expect_missing(run, "valid_ndcg_50", false);
  expect_missing(run, "valid_ndcg_50_cold", true);
}

TEST(EmptySet, nothing_held_out_is_nothing_measured) {
  const auto data = data_with("nothing", {.valid = false, .test = false});
  expect_last_round("nothing", test::fedfuse(train(data, "nothing",
                                                   "--fusion gfmfr --groups 2 "
                                                   "--teacher-epochs 1")));
  const auto run = twin("nothing");
  for (const auto* metric : {"test_hr_50", "valid_hr_20_warm"}) expect_missing(run, metric, true);
  for (const auto& value : run["metrics"]["teacher_test_ndcg_50"]) EXPECT_TRUE(value.is_null());
}

}  // namespace
}  // namespace fedfuse
