#include "server/closed_features.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "core/rng.hpp"

namespace fedfuse {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

std::int64_t given_width(const Dataset& data) { return data.text.cols + data.image.cols; }
std::int64_t hidden_width(const Config& config, const Dataset& data) {
  return given_width(data) == 0 ? 0 : config.gfmfr.teacher.hidden;
}

bool has(const std::vector<std::uint8_t>& mask, std::int64_t item) {
  return mask.empty() || mask[std::size_t(item)] != 0;
}

double squares(const Matrix<float>& features, const std::vector<std::uint8_t>& mask) {
  double sum = 0;
  for (std::int64_t i = 0; i < features.rows; ++i)
    if (has(mask, i))
      for (std::int64_t k = 0; k < features.cols; ++k)
        sum += double(features(i, k)) * double(features(i, k));
  return sum;
}

Rows random_weights(std::uint64_t seed, std::int64_t hidden, std::int64_t given) {
  const Rng rng(seed, Purpose::closed_teacher);
  Rows weights(hidden, given);
#pragma omp parallel for schedule(static)
  for (std::int64_t h = 0; h < hidden; ++h)
    for (std::int64_t k = 0; k < given; ++k)
      weights(h, k) = float(rng.normal(std::uint64_t(h), 0, std::uint32_t(k)));
  return weights;
}

}  // namespace

std::int64_t ClosedFeatures::width(const Config& config, const Dataset& data) {
  return given_width(data) + 1 + hidden_width(config, data);
}

ClosedFeatures::ClosedFeatures(const Config& config, const Dataset& data, std::int64_t first,
                               std::int64_t count)
    : data_(data),
      given_(given_width(data)),
      first_(first),
      hidden_(count, hidden_width(config, data)) {
  const double sum = squares(data.text, data.has_text) + squares(data.image, data.has_image);
  if (sum > 0) scale_ = 1.0 / std::sqrt(sum / double(data.items));
  make_hidden(config.federation.seed);
}

void ClosedFeatures::given(std::int64_t item, float* to) const {
  const auto copy = [&](const Matrix<float>& features, const std::vector<std::uint8_t>& mask) {
    const double scale = has(mask, item) ? scale_ : 0.0;
    for (std::int64_t k = 0; k < features.cols; ++k)
      *to++ = float(scale * double(features(item, k)));
  };
  copy(data_.text, data_.has_text);
  copy(data_.image, data_.has_image);
}

// By whole blocks: what stands in a block, and so its bits, depends on no split over ranks.
void ClosedFeatures::make_hidden(std::uint64_t seed) {
  if (hidden_.cols == 0) return;
  const Rows weights = random_weights(seed, hidden_.cols, given_);
#pragma omp parallel for schedule(static)
  for (std::int64_t block = 0; block < hidden_.rows; block += block_items) {
    const auto count = std::min(block_items, hidden_.rows - block);
    Rows items(count, given_);
    for (std::int64_t i = 0; i < count; ++i) given(first_ + block + i, items.row(i).data());
    Eigen::Map<Rows> to(hidden_.row(block), count, hidden_.cols);
    to.noalias() = items * weights.transpose();
    to = to.cwiseMax(0.0f);
  }
}

void ClosedFeatures::rows(std::int64_t first, std::int64_t count, double* to) const {
  std::vector<float> item(static_cast<std::size_t>(given_));
  for (std::int64_t i = first; i < first + count; ++i) {
    given(i, item.data());
    to = std::ranges::copy(item, to).out;
    *to++ = 1.0;
    to = std::copy_n(hidden_.row(i - first_), hidden_.cols, to);
  }
}

}  // namespace fedfuse
