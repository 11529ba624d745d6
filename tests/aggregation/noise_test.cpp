// aggregation/noise: moments and independence of two million numbers, and that a sum over ranks
// gets the noise once.
#include "aggregation/noise.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "aggregation/row_sum.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t rows = 20000, cols = 63;  // odd: one number of a row's last pair is left
constexpr double deviation = 0.25;
constexpr std::uint64_t seed = 7;

// Noise alone, in standard deviations.
std::vector<double> noise_of(std::int64_t round, std::uint64_t first = 0) {
  RowSum sum(rows, int(cols), FixedPoint::for_total_weight(1000));
  sum.add_noise(SumNoise(seed, round, deviation), first);
  std::vector<double> x(std::size_t(rows * cols));
  for (std::int64_t i = 0; i < rows; ++i) sum.decode(i, x.data() + i * cols);
  for (double& v : x) v /= deviation;
  return x;
}

double moment(const std::vector<double>& x, int power) {
  double sum = 0;
  for (const double v : x) sum += std::pow(v, power);
  return sum / double(x.size());
}

// Of x and of y shifted by lag.
double correlation(const std::vector<double>& x, const std::vector<double>& y, std::size_t lag) {
  double sum = 0;
  for (std::size_t k = lag; k < x.size(); ++k) sum += x[k] * y[k - lag];
  return sum / double(x.size() - lag);
}

TEST(SumNoise, has_the_moments_and_the_tail_of_a_normal) {
  const auto x = noise_of(1);
  ASSERT_GT(x.size(), 1000000u);
  const double error = 5 / std::sqrt(double(x.size()));  // five standard deviations of the mean
  EXPECT_NEAR(moment(x, 1), 0, error);
  EXPECT_NEAR(moment(x, 2), 1, error * std::sqrt(2.0));
  EXPECT_NEAR(moment(x, 3), 0, error * std::sqrt(15.0));
  EXPECT_NEAR(moment(x, 4), 3, error * std::sqrt(96.0));
  const auto beyond = std::ranges::count_if(x, [](double v) { return std::abs(v) > 3; });
  EXPECT_NEAR(double(beyond) / double(x.size()), 0.0026998, error * std::sqrt(0.0027));
}

TEST(SumNoise, is_independent_of_its_neighbours_of_other_rounds_and_of_other_sums) {
  const auto x = noise_of(1);
  const double error = 5 / std::sqrt(double(x.size()));
  for (const std::size_t lag : {1, 2, 62, 63, 64, 126})
    EXPECT_NEAR(correlation(x, x, lag), 0, error);
  EXPECT_NEAR(correlation(x, noise_of(2), 0), 0, error);
  EXPECT_NEAR(correlation(x, noise_of(1, std::uint64_t(1) << 40), 0), 0, error);
  std::vector<double> squares(x.size());  // the two of a pair share a radius' words
  for (std::size_t k = 0; k < x.size(); ++k) squares[k] = (x[k] * x[k] - 1) / std::sqrt(2.0);
  EXPECT_NEAR(correlation(squares, squares, 1), 0, error);
}

TEST(SumNoise, a_sum_over_ranks_gets_it_once_and_every_row_counts_as_touched) {
  const auto comm = Comm::world();
  const std::int64_t few = 50;
  const auto fixed = FixedPoint::for_total_weight(comm.size());
  RowSum sum(few, 4, fixed);
  const std::vector<float> x{1.0f, -2.0f, 0.5f, 0.0f};
  ASSERT_TRUE(sum.add(3, x.data(), 1));
  sum.reduce(comm);
  sum.add_noise(SumNoise(seed, 1, deviation), 0);
  EXPECT_EQ(sum.touched_rows(), few);
  RowSum noise(few, 4, fixed);
  noise.add_noise(SumNoise(seed, 1, deviation), 0);
  for (std::int64_t i = 0; i < few; ++i)
    for (std::int64_t k = 0; k < 4; ++k) {
      const auto without = sum.raw(i)[k] - noise.raw(i)[k];
      EXPECT_EQ(without, i == 3 ? comm.size() * fixed.encode(x[std::size_t(k)]) : 0);
    }
}

}  // namespace
}  // namespace fedfuse
