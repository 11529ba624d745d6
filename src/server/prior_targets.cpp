#include "server/prior_targets.hpp"

namespace fedfuse {
namespace {

bool is_touched(const float* sums, std::int64_t groups) {
  for (std::int64_t l = 0; l < groups; ++l)
    if (sums[l] != 0.0f) return true;
  return false;
}

}  // namespace

PriorTargets::PriorTargets(const Matrix<float>& sums, std::span<const double> mass,
                           const Config& config)
    : sums_(&sums), N_(std::size_t(sums.cols), 0.0f) {
  const bool touched_only = config.prior.negatives == PriorNegatives::touched;
  if (touched_only) c_.assign(std::size_t(sums.rows), 0.0f);
  std::vector<double> of_group(N_.size(), 0.0);
  double counted = touched_only ? 0.0 : double(sums.rows);
  for (std::int64_t i = 0; i < sums.rows; ++i) {
    for (std::int64_t l = 0; l < sums.cols; ++l) of_group[std::size_t(l)] += double(sums(i, l));
    if (!touched_only || !is_touched(&sums(i, 0), sums.cols)) continue;
    c_[std::size_t(i)] = 1.0f;
    counted += 1;
  }
  const double negatives = double(config.federation.negatives_per_positive);
  bool all = true;
  for (std::size_t l = 0; l < N_.size(); ++l) {
    const bool taught = mass[l] >= config.prior.least_mass;
    all = all && taught;
    if (!taught || of_group[l] == 0) continue;
    N_[l] = float(negatives * of_group[l] / counted);
    total_ += (1 + negatives) * of_group[l];
  }
  if (!all) leave_out(mass, config.prior.least_mass);
}

void PriorTargets::leave_out(std::span<const double> mass, double least_mass) {
  masked_ = *sums_;
  sums_ = &masked_;
  for (std::int64_t i = 0; i < masked_.rows; ++i)
    for (std::int64_t l = 0; l < masked_.cols; ++l)
      if (!(mass[std::size_t(l)] >= least_mass)) masked_(i, l) = 0.0f;
}

void PriorTargets::enter(group_prior::Problem& problem) const {
  problem.S = sums_->data();
  problem.N = N_.data();
  problem.c = c_.empty() ? nullptr : c_.data();
  problem.total = total_;
}

}  // namespace fedfuse
