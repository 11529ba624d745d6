// When --patience ends a run, and what the record and the commands say about its end.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

std::string train(const std::string& name, const std::string& more) {
  return cat("train --dim 8 --overwrite --data ", Place::get().file("data.h5"), " --out ",
             Place::get().file(name), " ", more);
}

nlohmann::json twin(const std::string& name) {
  return nlohmann::json::parse(test::read_text(Place::get().file(name + ".json")));
}

std::vector<double> curve_of(const std::string& name) {
  const auto file = h5::File::open(Place::get().file(name));
  const auto column = file.read_all<double>("/metrics/valid_ndcg_50");
  return {column.begin(), column.end()};
}

// Nothing learns at this rate, so round 1 stays the best.
constexpr const char* flat = " --lr 1e-12 --lr-items 1e-12 --lr-items-server 1e-12 ";

TEST(Patience, counts_only_after_the_first_rounds) {
  struct Case {
    const char* options;
    std::size_t rounds;
  };
  for (const auto& [options, rounds] :
       {Case{"--patience 3 --patience-after 0", 4}, Case{"--patience 3 --patience-after 5", 8},
        Case{"--patience 3 --patience-after 5 --eval-every 2", 10},
        Case{"--patience 1 --patience-after 11", 12}, Case{"--patience 3", 12},
        Case{"--patience 3 --patience-after 10", 12}, Case{"--patience-after 0", 12}}) {
    const auto outcome = test::fedfuse(train("flat.h5", cat(flat, "--rounds 12 ", options)));
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    const auto run = twin("flat");
    EXPECT_EQ(run["metrics"]["round"].size(), rounds) << options;
    const bool early = rounds < 12 || std::string(options).ends_with(" 11");
    EXPECT_EQ(run["status"], early ? "stopped-early" : "finished") << options;
    EXPECT_EQ(outcome.says("(stopped early)"), early) << outcome.output;
    const double best = run["best_round"];
    EXPECT_LE(best, 2);
    EXPECT_EQ(run["facts"]["rounds_after_best"], double(rounds) - best);
  }
  test::fedfuse(train("flat.h5", cat(flat, "--rounds 12 --patience 3 --patience-after 5")));
  EXPECT_EQ(twin("flat")["status_text"],
            "no better validation NDCG@50 in 3 evaluations after round 5");
  const auto table = test::fedfuse(cat("table ", Place::get().file("flat.h5")));
  EXPECT_TRUE(table.says(" 1s ") && table.says("round s: --patience ended the run"))
      << table.output;
  EXPECT_FALSE(table.says("round +"));
}

// The rule in its plainest form, on the curve of a run that nothing ends.
std::size_t rounds_until_stop(const std::vector<double>& curve, int patience, std::size_t after) {
  double best = -1;
  int waited = 0;
  for (std::size_t round = 1; round <= curve.size(); ++round) {
    const double value = curve[round - 1];
    if (std::isnan(value)) continue;
    if (value > best) {
      best = value;
      waited = 0;
    } else if (round > after && ++waited == patience) {
      return round;
    }
  }
  return curve.size();
}

TEST(Patience, ends_where_the_rule_says) {
  const std::string learns = "--fusion fedvlr --rounds 24 ";
  ASSERT_EQ(test::fedfuse(train("whole.h5", learns)).code, 0);
  const auto curve = curve_of("whole.h5");
  int early = 0;
  for (const int after : {0, 21}) {
    const auto expected = rounds_until_stop(curve, 2, std::size_t(after));
    const auto line = cat(learns, "--patience 2 --patience-after ", after);
    ASSERT_EQ(test::fedfuse(train("patient.h5", line)).code, 0);
    EXPECT_EQ(curve_of("patient.h5").size(), expected) << after;
    early += expected < curve.size() ? 1 : 0;
  }
  EXPECT_GT(early, 0) << "no case tells the rule from none";
}

// Every start does one round, some of them on two ranks.
TEST(Patience, counts_on_when_resumed) {
  const auto line = cat(flat, "--fusion fedvlr --rounds 12 --patience 3 --patience-after 4");
  ASSERT_EQ(test::fedfuse(train("patient.h5", line)).code, 0);
  const auto again = train("again.h5", cat(line, " --resume --time-budget 0.001"));
  test::Outcome outcome{75, ""};
  int starts = 0;
  for (; outcome.code == 75 && starts < 12; ++starts)
    outcome = starts % 4 == 3 ? test::fedfuse_on(2, again) : test::fedfuse(again);
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_GT(starts, 4);
  const auto a = twin("patient"), b = twin("again");
  for (const char* part : {"status", "status_text", "best_round", "model_round", "metrics"})
    EXPECT_EQ(a[part], b[part]) << part;
  for (const char* fact : {"rounds_after_best", "rising_at_end", "best_valid_ndcg_50"})
    EXPECT_EQ(a["facts"][fact], b["facts"][fact]) << fact;
}

TEST(Patience, a_run_that_still_rises_is_marked) {
  const auto& place = Place::get();
  const auto out = place.file("rising.h5");
  const std::string line = "--fusion mlp --lr 0.3 --rounds 6 ";
  const auto trained = test::fedfuse(train("rising.h5", line));
  ASSERT_EQ(trained.code, 0) << trained.output;
  const auto curve = curve_of("rising.h5");
  const bool rises = *std::max_element(curve.end() - 3, curve.end()) >
                     1.01 * *std::max_element(curve.begin(), curve.end() - 3);
  ASSERT_TRUE(rises) << "the settings of this test give no rising curve";
  EXPECT_EQ(twin("rising")["facts"]["rising_at_end"], 1);
  EXPECT_TRUE(trained.says("(still rising at the end)")) << trained.output;
  EXPECT_TRUE(test::fedfuse("info " + out).says("validation NDCG@50 still rose"));
  EXPECT_TRUE(test::fedfuse("table " + out).says("+ "));
  EXPECT_TRUE(test::fedfuse("table " + out).says("round +: validation NDCG@50 still rose"));
}

}  // namespace
}  // namespace fedfuse
