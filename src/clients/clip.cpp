#include "clients/clip.hpp"

#include <array>
#include <cmath>

namespace fedfuse {
namespace {

// A sum of under 2^26 squares in double is right to 2^-26 of itself: what is within the bound by
// this margin is within it in integers.
constexpr double certain = 1.0 - 0x1p-26;
constexpr double shrink = 1.0 - 0x1p-20;

}  // namespace

Clip::Clip(double bound, double scale) : scale_(scale), most_(std::floor(bound * scale)) {}

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

Clip::Outcome Clip::operator()(std::span<float> rows, std::span<float> head) const {
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
