// What diverges is named and ends with 2, in the last round too; what only looks like it trains on;
// and groups that come and go.
#include <gtest/gtest.h>

#include "core/h5.hpp"
#include "core/text.hpp"
#include "tests/app/program.hpp"

namespace fedfuse {
namespace {

using test::Place;

std::string train(const std::string& name, const std::string& more) {
  return cat("train --dim 8 --groups 3 --teacher-epochs 1 --data ", Place::get().file("data.h5"),
             " --out ", Place::get().file(name), " ", more);
}

TEST(Divergence, of_the_server_ends_with_2_in_the_last_round_too) {
  test::without_a_trace([] {
    for (const auto& [ranks, options, part] :
         {std::tuple{1, "--fusion fedvlr --server-lr 1e38", "the server's item views"},
          {2, "--fusion mlp --server-optimizer sgd --server-lr 1e38", "the server's item views"},
          {1, "--fusion fedvlr --device emulated --server-lr 1e38", "the server's item views"},
          {2, "--fusion gfmfr --teacher-lr 1e38", "the teacher"},
          {1, "--fusion mlp+gfmfr --device emulated --teacher-lr 1e38", "the teacher"},
          {1, "--backbone fedrap --fusion gfmfr --uploads replay --teacher-lr 1e38",
           "the teacher"}}) {
      const auto outcome = test::fedfuse_on(ranks, train("server.h5", cat(options, " --rounds 1")));
      test::expect_refused(outcome, cat("training diverged in round 1 at ", part));
      EXPECT_TRUE(outcome.says("no result file was written")) << outcome.output;
      EXPECT_FALSE(outcome.says("internal error")) << outcome.output;
    }
  });
}

// eta_I times a gradient may be beyond what a round sums of an update.
TEST(Divergence, a_large_virtual_update_is_none) {
  const auto& place = Place::get();
  for (const std::string fusion : {"mlp+gfmfr", "fedvlr+gfmfr"}) {
    for (const int ranks : {1, 2}) {
      const auto outcome = test::fedfuse_on(
          ranks, train(cat("virtual", ranks, ".h5"),
                       cat("--overwrite --rounds 2 --item-update mean --lr-items 100000 --fusion ",
                           fusion)));
      ASSERT_EQ(outcome.code, 0) << outcome.output;
    }
    const auto one = h5::File::open(place.file("virtual1.h5")),
               two = h5::File::open(place.file("virtual2.h5"));
    EXPECT_EQ(one.read_all<float>("/groups/preferences"),
              two.read_all<float>("/groups/preferences"))
        << fusion;
    EXPECT_EQ(one.read_all<float>("/groups/embeddings"), two.read_all<float>("/groups/embeddings"))
        << fusion;
  }
}

// PFedRec at its published rates: rows move by thousands.
const std::string published =
    "--preset pfedrec-paper --dim 8 --item-update mean --candidates full --rounds 6";

void expect_same_run(const std::string& first, const std::string& second) {
  const auto& place = Place::get();
  const auto a = h5::File::open(place.file(first)), b = h5::File::open(place.file(second));
  for (const char* name : {"/metrics/loss", "/metrics/test_ndcg_50", "/metrics/sum_range_log2"})
    EXPECT_EQ(a.read_all<double>(name), b.read_all<double>(name)) << second << name;
  for (const char* name : {"/model/item_table", "/model/overlay_rows"})
    EXPECT_EQ(a.read_all<float>(name), b.read_all<float>(name)) << second << name;
}

TEST(Divergence, an_update_of_thousands_raises_the_range_and_is_none) {
  const auto& place = Place::get();
  const auto whole = test::fedfuse(train("range.h5", published));
  ASSERT_EQ(whole.code, 0) << whole.output;
  EXPECT_TRUE(whole.says("the range of the sums of item rows rises from 2^10 to 2^"))
      << whole.output;
  const auto file = h5::File::open(place.file("range.h5"));
  const auto ranges = file.read_all<double>("/metrics/sum_range_log2");
  EXPECT_GT(ranges.back(), 10);
  EXPECT_LT(ranges.front(), ranges.back()) << "no range rises after the first round";
  EXPECT_EQ(file.read_all<double>("/facts/sum_range_log2").at(0), ranges.back());
  ASSERT_EQ(test::fedfuse_on(3, train("range3.h5", cat(published, " --threads 2"))).code, 0);
  expect_same_run("range.h5", "range3.h5");
}

// Each start does one round, on other ranks than the one before.
TEST(Divergence, a_range_that_rose_survives_a_restart) {
  const auto& place = Place::get();
  ASSERT_EQ(test::fedfuse(train("rose.h5", published)).code, 0);
  const auto line = cat(published, " --time-budget 0.001");
  auto outcome = test::fedfuse(train("rising.h5", line));
  for (int start = 1; start < 12 && outcome.code == 75; ++start)
    outcome = test::fedfuse_on(1 + start % 2, train("rising.h5", cat(line, " --resume")));
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  expect_same_run("rose.h5", "rising.h5");
  EXPECT_EQ(h5::File::open(place.file("rose.h5")).read_all<double>("/facts/sum_range_log2"),
            h5::File::open(place.file("rising.h5")).read_all<double>("/facts/sum_range_log2"));
}

TEST(Divergence, an_update_beyond_every_range_is_told_from_one_that_is_not_finite) {
  test::without_a_trace([] {
    for (const int ranks : {1, 2})
      for (const auto& [device, rate] : {std::pair{"cpu", "1e20"}, {"emulated", "1e20"}}) {
        const auto outcome = test::fedfuse_on(
            ranks, train("beyond.h5", cat("--rounds 1 --lr-items ", rate, " --device ", device)));
        test::expect_refused(outcome, "is too large for the sums");
        EXPECT_TRUE(outcome.says("training diverged in round 1: an update of client") &&
                    outcome.says("numbers below 2^40") && outcome.says("lower --lr"))
            << outcome.output;
      }
    const auto outcome = test::fedfuse(train("beyond.h5", "--rounds 1 --lr-items 1e30 --lr 1e30"));
    test::expect_refused(outcome, "not finite in round 1");
  });
}

TEST(Divergence, groups_that_come_and_go_survive_a_restart) {
  const auto& place = Place::get();
  const std::string groups =
      "--fusion gfmfr --groups-min 2 --groups-max 8 --groups-by silhouette --group-dim 4 --rounds "
      "8 "
      "--fraction 0.3";
  for (const std::string more : {"--seed 1", "--seed 2 --regroup-every 2"}) {
    const auto stopped = cat("stopped", more.size(), ".h5");
    const auto whole = test::fedfuse(train("groups.h5", cat(groups, " --overwrite ", more)));
    ASSERT_EQ(whole.code, 0) << whole.output;
    const auto line = cat(groups, " --time-budget 0.001 ", more);
    auto outcome = test::fedfuse_on(2, train(stopped, line));
    for (int start = 1; start < 12 && outcome.code == 75; ++start)
      outcome = test::fedfuse_on(1 + start % 2, train(stopped, cat(line, " --resume")));
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    const auto a = h5::File::open(place.file("groups.h5")), b = h5::File::open(place.file(stopped));
    EXPECT_EQ(a.read_all<std::int32_t>("/groups/of_client_by_round"),
              b.read_all<std::int32_t>("/groups/of_client_by_round"))
        << more;
    EXPECT_EQ(a.read_all<float>("/groups/preferences"), b.read_all<float>("/groups/preferences"));
    EXPECT_EQ(a.read_all<double>("/metrics/teacher_test_ndcg_50"),
              b.read_all<double>("/metrics/teacher_test_ndcg_50"))
        << more;
    // the groups of the stored round are rows of its preferences
    const auto rows = a.shape("/groups/preferences").at(0);
    const auto by_round = a.read_all<std::int32_t>("/groups/of_client_by_round");
    const auto first = std::size_t(a.integer("/", "model_round") - 1) * 60;
    for (std::size_t u = first; u < first + 60; ++u) EXPECT_LT(by_round[u], rows) << more;
  }
}

}  // namespace
}  // namespace fedfuse
