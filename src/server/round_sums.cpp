#include "server/round_sums.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"

namespace fedfuse {
namespace {

// Whole numbers of 31 bits, of less than 2^31 clients: their sum is exact.
constexpr FixedPoint counting{1.0, 1.0, 0x1p32};

FixedPoint fixed_for(std::int64_t weight, const SumRanges& ranges, SumKind kind) {
  return FixedPoint::for_total_weight(weight, ranges.limit(kind));
}

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
  for (auto& rows : rows_) rows.reduce(comm);
  if (robust_ != nullptr) robust_->replace(rows_, comm);
  if (spec_.shares_head) theta_.reduce(comm);
  weighted_rho_.reduce(comm);
  losses_.reduce(comm);
  counts_.reduce(comm);
  if (spec_.bounds_uploads) norms_.reduce(comm);
}

Matrix<float> RoundSums::aggregated_table(const Matrix<float>& table, double server_rate) {
  Matrix<float> next = table;
  // clients that could have come and did not leave all of it
  const double away = weight_.divisor - double(weight_.taken);
  const double kept = (weighted_rho_[0] + away) / weight_.divisor;
  const auto& sum = rows_.front();
  // W, or W_i / eta_S
  const auto divisor = [&](std::int64_t i) {
    if (!spec_.counts_rows) return weight_.divisor;
    return double(std::max<std::int64_t>(1, sum.weight()[std::size_t(i)])) / server_rate;
  };
  std::int64_t rows = 0;
#pragma omp parallel for schedule(static) reduction(+ : rows)
  for (std::int64_t i = 0; i < items_; ++i) {
    if (sum.touched()[std::size_t(i)] == 0 && kept == 1.0) continue;
    ++rows;
    const double by = divisor(i);
    for (int k = 0; k < spec_.view_width; ++k)
      next(i, k) = float(kept * double(table(i, k)) + sum.fixed().decode(sum.raw(i)[k]) / by);
  }
  decoded_ += rows * spec_.view_width;
  return next;
}

std::vector<Matrix<float>> RoundSums::mean_view_gradients() {
  std::vector<Matrix<float>> gradients;
  for (const auto& sum : rows_) {
    auto& g = gradients.emplace_back(items_, spec_.view_width);
#pragma omp parallel for schedule(static)
    for (std::int64_t i = 0; i < items_; ++i)
      if (sum.touched()[std::size_t(i)] != 0) sum.decode(i, 1.0 / weight_.divisor, g.row(i));
    decoded_ += sum.touched_rows() * spec_.view_width;
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

GroupSums::GroupSums(const ModelSpec& spec, std::int64_t items,
                     const std::vector<std::int64_t>& sizes, const Kernels& kernels,
                     const SumRanges& ranges, Matrix<float> weights, Rows rows)
    : spec_(spec),
      items_(items),
      ranges_(ranges),
      sizes_(sizes),
      weights_(std::move(weights)),
      targets_(kernels.group_targets) {
  FEDFUSE_CHECK(weights_.empty() != spec.group_scores, "scores need the last layer of each group");
  const int width = spec.group_scores ? 1 : spec.view_width;
  for (const auto size : sizes) {
    rows_.emplace_back(rows == Rows::on_host ? items : 0, width,
                       fixed_for(size, ranges, kind_of_rows(spec)), kernels.add);
    small_.emplace_back(spec.head.last_width + 1 + 3 + 1,
                        fixed_for(size, ranges, SumKind::group_heads));
  }
}

namespace {

// What a member adds to its group beside its rows.
void numbers_of(const HeadLayout& head, float rho, std::span<const float> theta, const float* omega,
                std::vector<float>& to) {
  // the bias follows the weights
  const auto last = theta.subspan(std::size_t(head.last_w), std::size_t(head.last_width) + 1);
  to.assign(last.begin(), last.end());
  to.insert(to.end(), omega, omega + 3);
  to.push_back(rho);
}

}  // namespace

bool GroupSums::take(const ModelSpec& spec, const SumRanges& ranges, double rho,
                     std::span<const float> theta, std::span<const float, 3> omega) {
  std::vector<float> member;
  numbers_of(spec.head, float(rho), theta, omega.data(), member);
  return aggregate::all_fit(member.data(), std::int64_t(member.size()),
                            ranges.limit(SumKind::group_heads));
}

void GroupSums::look(const ModelSpec& spec, double rho, std::span<const float> theta,
                     std::span<const float, 3> omega, Excess& excess) {
  std::vector<float> member;
  numbers_of(spec.head, float(rho), theta, omega.data(), member);
  excess.look(SumKind::group_heads, member);
}

GroupSums::Numbers::Numbers(const GroupSums& of) : spec_(of.spec_) {
  for (const auto& sum : of.small_) small_.push_back(sum.part());
}

bool GroupSums::Numbers::add(std::int32_t group, float rho, std::span<const float> theta,
                             const float* omega) {
  numbers_of(spec_.head, rho, theta, omega, member_);
  return small_[std::size_t(group)].add(std::span<const float>(member_));
}

void GroupSums::add(const Numbers& numbers) {
  for (std::size_t l = 0; l < small_.size(); ++l) small_[l].add(numbers.small_[l]);
}

bool GroupSums::add(std::int32_t group, const Upload& upload, std::span<const float> theta,
                    const float* omega) {
  std::vector<float> member;
  numbers_of(spec_.head, upload.rho, theta, omega, member);
  auto& rows = rows_[std::size_t(group)];
  return small_[std::size_t(group)].add(member) &&
         (spec_.group_scores ? rows.add(upload.items, scores_of(group, upload).data(), 1)
                             : rows.add(upload.items, upload.rows, 1));
}

Excess GroupSums::excess(std::int32_t group, const Upload& upload, std::span<const float> theta,
                         std::span<const float, 3> omega) const {
  Excess excess(ranges_);
  look(spec_, upload.rho, theta, omega, excess);
  if (spec_.group_scores) {
    excess.look(kind_of_rows(spec_), scores_of(group, upload));
    return excess;
  }
  excess.look(kind_of_rows(spec_),
              {upload.rows, upload.items.size() * std::size_t(spec_.view_width)});
  return excess;
}

void GroupSums::reduce(const Comm& comm) {
  for (auto& rows : rows_) rows.reduce(comm);
  for (auto& small : small_) small.reduce(comm);
}

double GroupSums::mean(std::size_t group, std::int64_t column) const {
  return small_[group][column] / double(sizes_[group]);
}

std::vector<double> GroupSums::mix_of(std::size_t group) const {
  const std::int64_t omega = spec_.head.last_width + 1, rho = omega + 3;
  std::vector<double> mix(std::size_t(spec_.views), 1.0);
  if (sizes_[group] == 0) {
    std::ranges::fill(mix, 1.0 / spec_.views);
  } else if (spec_.rows_trained) {
    mix[0] = mean(group, rho);
  } else if (spec_.has_router) {
    for (int j = 0; j < spec_.views; ++j) mix[std::size_t(j)] = mean(group, omega + j);
  }
  return mix;
}

Matrix<float> GroupSums::last_weights(const GlobalModel& global) const {
  Matrix<float> w(std::int64_t(sizes_.size()), spec_.head.last_width);
  for (std::size_t l = 0; l < sizes_.size(); ++l)
    for (int k = 0; k < spec_.head.last_width; ++k)
      w(std::int64_t(l), k) =
          sizes_[l] == 0 ? global.theta[std::size_t(spec_.head.last_w + k)] : float(mean(l, k));
  return w;
}

std::vector<float> GroupSums::last_biases(const GlobalModel& global) const {
  std::vector<float> b;
  b.reserve(sizes_.size());
  for (std::size_t l = 0; l < sizes_.size(); ++l)
    b.push_back(sizes_[l] == 0 ? global.theta[std::size_t(spec_.head.last_b)]
                               : float(mean(l, spec_.head.last_width)));
  return b;
}

}  // namespace fedfuse
