#include "data/alter_features.hpp"

#include <algorithm>
#include <cmath>

#include "core/rng.hpp"

namespace fedfuse {
namespace {

struct Modality {
  Matrix<float>& values;
  std::vector<std::uint8_t>& has;
  std::uint32_t number;  // of its random numbers
};

template <class Visit>
void each_present(const Modality& m, const Visit& visit) {
  for (std::int64_t i = 0; i < m.values.rows; ++i)
    if (m.has[std::size_t(i)] != 0) visit(i, m.values.row(i));
}

void lose(const Modality& m, const Config& config) {
  const Rng rng(config.federation.seed, Purpose::lose_features);
  for (std::size_t i = 0; i < m.has.size(); ++i)
    if (rng.uniform(i, m.number, 0) < config.features.lose) m.has[i] = 0;
}

// Of all numbers of the items that have the modality.
double standard_deviation(const Modality& m) {
  double sum = 0, squares = 0, count = 0;
  const auto columns = m.values.cols;
  each_present(m, [&](std::int64_t, const float* row) {
    for (std::int64_t k = 0; k < columns; ++k) {
      sum += double(row[k]);
      squares += double(row[k]) * double(row[k]);
    }
    count += double(columns);
  });
  return count > 0 ? std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count))) : 0.0;
}

void add_noise(const Modality& m, const Config& config) {
  const Rng rng(config.federation.seed, Purpose::feature_noise);
  const double deviation = config.features.noise * standard_deviation(m);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < m.values.rows; ++i) {
    if (m.has[std::size_t(i)] == 0) continue;
    float* row = m.values.row(i);
    for (std::int64_t k = 0; k < m.values.cols; ++k)
      row[k] += float(deviation * rng.normal(std::uint64_t(i), m.number, std::uint32_t(k)));
  }
}

std::vector<float> mean_row(const Modality& m) {
  std::vector<double> sum(std::size_t(m.values.cols), 0.0);
  double count = 0;
  each_present(m, [&](std::int64_t, const float* row) {
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += double(row[k]);
    ++count;
  });
  std::vector<float> mean(sum.size(), 0.0f);
  if (count > 0)
    std::ranges::transform(sum, mean.begin(), [&](double s) { return float(s / count); });
  return mean;
}

// Nothing stands for a modality that no item has.
void fill_missing(const Modality& m, MissingAs as) {
  if (as == MissingAs::mask || std::ranges::find(m.has, 1) == m.has.end()) return;
  const auto row =
      as == MissingAs::mean ? mean_row(m) : std::vector<float>(std::size_t(m.values.cols), 0.0f);
  for (std::int64_t i = 0; i < m.values.rows; ++i)
    if (m.has[std::size_t(i)] == 0) std::ranges::copy(row, m.values.row(i));
  std::ranges::fill(m.has, std::uint8_t(1));
}

void alter(const Modality& m, bool stays, const Config& config) {
  if (m.values.cols == 0) return;
  if (!stays) {
    std::ranges::fill(m.has, std::uint8_t(0));
    return;
  }
  if (config.features.lose > 0) lose(m, config);
  if (config.features.noise > 0) add_noise(m, config);
  fill_missing(m, config.features.missing_as);
}

}  // namespace

Dataset& alter_features(Dataset& data, const Config& config) {
  const auto stays = config.features.modalities;
  const auto is = [&](Modalities one) { return stays == Modalities::both || stays == one; };
  alter({data.text, data.has_text, 0}, is(Modalities::text), config);
  alter({data.image, data.has_image, 1}, is(Modalities::image), config);
  return data;
}

}  // namespace fedfuse
