// What a validation curve tells about the end of a run.
#include "results/curve.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fedfuse {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

RunRecord record_of(const std::vector<double>& curve) {
  RunRecord record;
  double best = -1;
  for (const double value : curve) {
    record.metrics.begin_row();
    record.metrics.set("valid_ndcg_50", value);
    if (!(value > best)) continue;
    best = value;
    record.best_round = std::int64_t(record.metrics.rows());
  }
  return record;
}

double rises(const std::vector<double>& curve) { return rising_at_end(record_of(curve).metrics); }

TEST(Curve, only_evaluations_after_the_best_and_after_the_first_rounds_count) {
  const auto record = record_of({0.1, none, 0.3, none, 0.2, 0.2, none, 0.2});  // best: round 3
  EXPECT_EQ(evaluations_since_best(record, 0), 3);
  EXPECT_EQ(evaluations_since_best(record, 3), 3);
  EXPECT_EQ(evaluations_since_best(record, 5), 2);
  EXPECT_EQ(evaluations_since_best(record, 8), 0);
  EXPECT_EQ(evaluations_since_best(record, 1000), 0);
  EXPECT_EQ(evaluations_since_best(record_of({0.1, 0.2}), 0), 0);
  EXPECT_EQ(evaluations_since_best(RunRecord(), 5), 0);
}

TEST(Curve, it_rises_when_its_end_is_visibly_above_all_before) {
  EXPECT_EQ(rises({0.1, 0.1, 0.2, 0.1}), 1);
  EXPECT_EQ(rises({0.2, 0.1, 0.15, 0.2}), 0);
  EXPECT_EQ(rises({0.2, 0.1, 0.201, 0.2}), 0) << "less than 1 %";
  EXPECT_EQ(rises({0.2, 0.1, 0.203, 0.2}), 1);
  EXPECT_EQ(rises({0, 0, 0, 0}), 0);
  EXPECT_EQ(rises({0, 0, 0, 0.1}), 1);
  // rounds without an evaluation are no part of the curve
  EXPECT_EQ(rises({0.1, none, none, none, 0.1, none, 0.2, 0.1, none}), 1);
}

TEST(Curve, its_end_is_a_tenth_and_at_least_3_evaluations) {
  for (const int length : {10, 30, 31, 100}) {
    const int last = std::max(3, (length + 9) / 10);
    for (int peak = 0; peak < length; ++peak) {
      std::vector<double> curve(std::size_t(length), 0.1);
      curve[std::size_t(peak)] = 0.2;
      EXPECT_EQ(rises(curve), peak >= length - last ? 1 : 0) << length << " " << peak;
    }
  }
}

TEST(Curve, few_evaluations_tell_nothing) {
  EXPECT_TRUE(std::isnan(rises({})));
  EXPECT_TRUE(std::isnan(rises({0.1, 0.2, 0.3})));
  EXPECT_TRUE(std::isnan(rises({none, 0.1, 0.2, none, 0.3, none})));
}

TEST(Curve, facts) {
  auto record = record_of({0.1, 0.3, 0.2, 0.2, 0.2});
  set_curve_facts(record);
  EXPECT_EQ(record.facts.at("rounds_after_best"), 3);
  EXPECT_EQ(record.facts.at("rising_at_end"), 0);
  EXPECT_FALSE(still_rose(record));
  record = record_of({0.1, 0.2, 0.3, 0.4, 0.5});
  set_curve_facts(record);
  EXPECT_EQ(record.facts.at("rounds_after_best"), 0);
  EXPECT_TRUE(still_rose(record));
  record = record_of({none, none, none, none, none});
  set_curve_facts(record);
  EXPECT_TRUE(std::isnan(record.facts.at("rounds_after_best")));
  EXPECT_TRUE(std::isnan(record.facts.at("rising_at_end")));
  EXPECT_FALSE(still_rose(record));
  EXPECT_FALSE(still_rose(RunRecord())) << "of an older file";
}

}  // namespace
}  // namespace fedfuse
