#include "server/prior_sums.hpp"

#include "clients/shares.hpp"
#include "core/error.hpp"

namespace fedfuse {

PriorSums::PriorSums(std::int64_t items, std::int64_t groups, std::int64_t clients,
                     const Kernels& kernels)
    : rows_(items, int(groups), FixedPoint::for_total_weight(clients), kernels.add),
      mass_(groups, FixedPoint::for_total_weight(clients)) {}

void PriorSums::add(const std::vector<std::int32_t>& local, const Dataset& data,
                    const Matrix<float>& shares) {
  const auto groups = shares.cols;
  bool fits = true;
#pragma omp parallel for schedule(dynamic, 16) reduction(&& : fits)
  for (std::size_t p = 0; p < local.size(); ++p) {
    const auto u = local[p];
    const auto items = data.positives(u);
    const float weight = float(positive_weight(std::int64_t(items.size())));
    std::vector<float> row(items.size() * std::size_t(groups));
    for (std::size_t k = 0; k < row.size(); ++k)
      row[k] = weight * shares(u, std::int64_t(k) % groups);
    fits = rows_.add(items, row.data(), 1) && fits;
    fits = mass_.add(std::span<const float>(shares.row(u), std::size_t(groups))) && fits;
  }
  FEDFUSE_CHECK(fits, "a share is a number from 0 to 1");
}

void PriorSums::reduce(const Comm& comm) {
  rows_.reduce(comm);
  mass_.reduce(comm);
}

Matrix<float> PriorSums::sums() const {
  Matrix<float> sums(rows_.rows(), rows_.cols());
  for (std::int64_t i = 0; i < sums.rows; ++i) rows_.decode(i, 1.0, sums.row(i));
  return sums;
}

std::vector<double> PriorSums::mass() const {
  std::vector<double> mass;
  for (std::int64_t l = 0; l < mass_.size(); ++l) mass.push_back(mass_[l]);
  return mass;
}

}  // namespace fedfuse
