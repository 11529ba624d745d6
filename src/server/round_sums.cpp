#include "server/round_sums.hpp"

#include <algorithm>
#include <array>

#include "aggregation/row_owners.hpp"
#include "core/error.hpp"

namespace fedfuse {
namespace {

// Whole numbers of 31 bits, of less than 2^31 clients: their sum is exact.
constexpr FixedPoint counting{1.0, 1.0, 0x1p32};

}  // namespace

RoundSums::RoundSums(const ModelSpec& spec, std::int64_t items, const RoundWeight& weight,
                     const Kernels& kernels, const SumRanges& ranges)
    : spec_(spec),
      items_(items),
      weight_(weight),
      ranges_(ranges),
      theta_(spec.shares_head ? spec.head.theta : 0, fixed_for(weight.most, ranges, SumKind::head)),
      weighted_rho_(1, fixed_for(weight.most, ranges, SumKind::rho)),
      losses_(3, fixed_for(weight.most, ranges, SumKind::losses)),
      counts_(2, counting) {
  const auto fixed = fixed_for(weight.most, ranges, SumKind::rows);
  for (int j = 0; j < spec.views; ++j)
    rows_.emplace_back(items, spec.view_width, fixed, kernels.add, spec.counts_rows);
}

std::array<double, 3> RoundSums::losses_of(const local_train::Outcome& o) {
  return {o.loss, o.loss_recommendation, o.loss_distillation};
}

bool RoundSums::Numbers::add(const local_train::Outcome& o, std::int64_t touched, double rho,
                             std::int64_t weight) {
  return losses_.add(std::span<const double>(losses_of(o))) &&
         counts_.add(std::span<const double>(counts_of(touched))) &&
         weighted_rho_.add(std::span<const double>(&rho, 1), weight);
}

void RoundSums::add(const Numbers& numbers) {
  losses_.add(numbers.losses_);
  counts_.add(numbers.counts_);
  weighted_rho_.add(numbers.weighted_rho_);
}

bool RoundSums::add(const LocalUpdate& update, std::int64_t weight) {
  const auto losses = losses_of(update.outcome);
  const auto counts = counts_of(std::int64_t(update.items.size()));
  const double rho = update.rho;
  if (!update.finite || !losses_.add(std::span<const double>(losses)) ||
      !counts_.add(std::span<const double>(counts)) ||
      !weighted_rho_.add(std::span<const double>(&rho, 1), weight))
    return false;
  if (spec_.has_teacher &&
      !GroupSums::take(spec_, ranges_, rho, update.theta, update.outcome.omega))
    return false;
  if (spec_.shares_head && !theta_.add(update.sent_theta, weight)) return false;
  const std::size_t stride = update.items.size() * std::size_t(spec_.view_width);
  const auto of_rows = weight_of_rows(spec_, weight);
  if (robust_ != nullptr) robust_->add(update.items, update.rows);
  if (update.clip) norms_.add(update.clip->norm, update.clip->clipped);
  for (std::size_t j = 0; j < rows_.size(); ++j)
    if (!rows_[j].add(update.items, update.rows + j * stride, of_rows)) return false;
  return true;
}

Excess RoundSums::excess(const local_train::Outcome& outcome, double rho,
                         std::span<const float> theta, std::span<const float, 3> omega) const {
  Excess excess(ranges_);
  excess.look(SumKind::losses, losses_of(outcome));
  excess.look(SumKind::rho, rho);
  if (spec_.has_teacher) GroupSums::look(spec_, rho, theta, omega, excess);
  return excess;
}

Excess RoundSums::excess(const LocalUpdate& update) const {
  auto excess = this->excess(update.outcome, update.rho, update.theta, update.outcome.omega);
  if (!update.finite) excess.found_not_finite();
  if (spec_.shares_head) excess.look(SumKind::head, update.sent_theta);
  const std::size_t stride = update.items.size() * std::size_t(spec_.view_width);
  excess.look(SumKind::rows, {update.rows, rows_.size() * stride});
  return excess;
}

void RoundSums::reduce(const Comm& comm) {
  FEDFUSE_CHECK(robust_ == nullptr || !owners_, "an order statistic is made of whole sums");
  fedfuse::reduce(rows_, owners_, comm);
  if (robust_ != nullptr) robust_->replace(rows_, comm);
  if (spec_.shares_head) theta_.reduce(comm);
  weighted_rho_.reduce(comm);
  losses_.reduce(comm);
  counts_.reduce(comm);
  if (spec_.bounds_uploads) norms_.reduce(comm);
}

double RoundSums::kept() const {
  const double away = weight_.divisor - double(weight_.taken);
  return (weighted_rho_[0] + away) / weight_.divisor;
}

Matrix<float> RoundSums::aggregated_table(const Matrix<float>& table, double server_rate) {
  Matrix<float> next = table;
  const double kept = this->kept();
  const auto& sum = rows_.front();
  // W, or W_i / eta_S
  const auto divisor = [&](std::int64_t i) {
    if (!spec_.counts_rows) return weight_.divisor;
    return double(std::max<std::int64_t>(1, sum.weight()[std::size_t(i)])) / server_rate;
  };
  const auto own = held();
  std::int64_t rows = 0;
#pragma omp parallel for schedule(static) reduction(+ : rows)
  for (std::int64_t i = own.first; i < own.first + own.count; ++i) {
    if (sum.touched()[std::size_t(i)] == 0 && kept == 1.0) continue;
    ++rows;
    const double by = divisor(i);
    for (int k = 0; k < spec_.view_width; ++k)
      next(i, k) = float(kept * double(table(i, k)) + sum.fixed().decode(sum.raw(i)[k]) / by);
  }
  decoded_ += rows * spec_.view_width;
  return next;
}

// What nobody touched stands in every rank's table, unless it decayed.
void RoundSums::complete(Matrix<float>& aggregated, const Comm& comm) const {
  if (!owners_) return;
  const auto& touched = rows_.front().touched();
  const std::span<const std::uint8_t> changed =
      kept() == 1.0 ? std::span(touched) : std::span<const std::uint8_t>();
  gather_rows(aggregated, *owners_, changed, comm);
}

std::vector<Matrix<float>> RoundSums::mean_view_gradients() {
  std::vector<Matrix<float>> gradients;
  const auto own = held();
  for (const auto& sum : rows_) {
    auto& g = gradients.emplace_back(items_, spec_.view_width);
    std::int64_t rows = 0;
#pragma omp parallel for schedule(static) reduction(+ : rows)
    for (std::int64_t i = own.first; i < own.first + own.count; ++i)
      if (sum.touched()[std::size_t(i)] != 0) {
        sum.decode(i, 1.0 / weight_.divisor, g.row(i));
        ++rows;
      }
    decoded_ += rows * spec_.view_width;
  }
  return gradients;
}

Array<float> RoundSums::mean_theta(const Array<float>& start) const {
  Array<float> mean(std::size_t(theta_.size()));
  theta_.decode(1.0 / weight_.divisor, mean);
  if (spec_.head_as_change)
    for (std::size_t k = 0; k < mean.size(); ++k) mean[k] += start[k];
  return mean;
}

RoundSums::Means RoundSums::means() const {
  const double n = counts_[1];  // 0 / 0 without a participant: not a number
  return {losses_[0] / n, losses_[1] / n, losses_[2] / n, counts_[0] / n};
}

}  // namespace fedfuse
