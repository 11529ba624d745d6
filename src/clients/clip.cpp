#include "clients/clip.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace fedfuse {
namespace {

// A sum of under 2^26 squares in double is right to 2^-26 of itself: what is within the bound by
// this margin is within it in integers.
constexpr double certain = 1.0 - 0x1p-26;
constexpr double shrink = 1.0 - 0x1p-20;

// A sum of squares in float, right to 2^-18 of itself: a lane adds 32 squares before they go into
// the doubles, each of which rounds by 2^-24. Four vectors of lanes hide the latency of a sum. The
// order is fixed. An overflow gives infinity.
constexpr double float_error = 0x1p-18;
double squares_in_float(std::span<const float> x) {
  constexpr std::size_t lanes = 64, block = 32 * lanes, doubles = 8;
  std::array<double, doubles> totals{};
  for (std::size_t from = 0; from < x.size(); from += block) {
    const std::size_t to = std::min(x.size(), from + block), whole = to - (to - from) % lanes;
    std::array<float, lanes> sums{};
    for (std::size_t k = from; k < whole; k += lanes)
      for (std::size_t l = 0; l < lanes; ++l) sums[l] += x[k + l] * x[k + l];
    for (std::size_t k = whole; k < to; ++k) sums[k - whole] += x[k] * x[k];
    for (std::size_t l = 0; l < lanes; l += doubles)
      for (std::size_t m = 0; m < doubles; ++m) totals[m] += double(sums[l + m]);
  }
  double total = 0;
  for (const double part : totals) total += part;
  return total;
}

void scale_by(std::span<float> x, double factor) {
  for (float& value : x) value *= float(factor);
}

}  // namespace

Clip::Clip(double bound, double scale) : scale_(scale), most_(std::floor(bound * scale)) {}

// A number of the sums is within a half of x scale, so their norm is within sqrt(n) / 2 of the
// norm of x scale; one more covers what vanishes in the squares of tiny numbers.
Clip::Outcome Clip::operator()(std::span<float> rows, std::span<float> head) const {
  const double sum = squares_in_float(rows) + squares_in_float(head);
  const double rounding = std::sqrt(double(rows.size() + head.size())) / 2 + 1;
  const double above = std::sqrt(sum * (1 + float_error)) * scale_;
  const double below = std::sqrt(sum * (1 - float_error)) * scale_;
  const double norm = std::sqrt(sum);
  if (above + rounding <= most_ * certain) return {norm, false};
  if (below - rounding <= most_ || most_ <= rounding || !std::isfinite(sum))
    return in_integers(rows, head);
  const double factor = (most_ - rounding) / above * shrink;  // its rounding in float is 2^-23
  scale_by(rows, factor);
  scale_by(head, factor);
  return {norm, true};
}

// Eight lanes, whose order is fixed: they are added at once.
double Clip::squares(std::span<const float> x) const {
  const auto square = [this](float value) {
    constexpr double magic = 0x1.8p52;  // as aggregate::to_fixed: rounds to whole numbers
    const double q = (double(value) * scale_ + magic) - magic;
    return q * q;
  };
  constexpr std::size_t lanes = 8;
  std::array<double, lanes> sums{};
  const std::size_t whole = x.size() / lanes * lanes;
  for (std::size_t k = 0; k < whole; k += lanes)
    for (std::size_t l = 0; l < lanes; ++l) sums[l] += square(x[k + l]);
  double sum = 0;
  for (std::size_t k = whole; k < x.size(); ++k) sum += square(x[k]);
  for (const double lane : sums) sum += lane;
  return sum;
}

Clip::Outcome Clip::in_integers(std::span<float> rows, std::span<float> head) const {
  double sum = squares(rows) + squares(head);
  const double norm = std::sqrt(sum);
  const auto fits = [&] { return sum <= most_ * most_ * certain; };
  if (fits() || !std::isfinite(sum)) return {norm / scale_, false};
  do {
    const double factor = most_ / std::sqrt(sum) * shrink;
    for (float& x : rows) x = float(double(x) * factor);
    for (float& x : head) x = float(double(x) * factor);
    sum = squares(rows) + squares(head);
  } while (!fits());
  return {norm / scale_, true};
}

std::int64_t public_weight(const Config& config, const ModelSpec& spec, const Dataset& data) {
  if (spec.backbone.weighs_by_samples) return data.train_interactions;
  if (config.federation.sampling == Sampling::poisson) return data.clients;
  return participants_of_round(config.federation, data.clients);
}

}  // namespace fedfuse
