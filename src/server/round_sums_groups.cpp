// The sums of the groups of a round: of rows or scores, and of what a member adds beside them.
#include <algorithm>

#include "core/error.hpp"
#include "server/round_sums.hpp"

namespace fedfuse {

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
  if (stays()) owners_.reset();
  fedfuse::reduce(rows_, owners_, comm);
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
