// R14: where the teacher is linear in its targets, a group sums one number of each row.
#include <algorithm>

#include "core/error.hpp"
#include "core/small_gemm.hpp"
#include "server/round_sums.hpp"

namespace fedfuse {

Matrix<float> mean_last_weights(const ModelSpec& spec, const GlobalModel& global,
                                const std::vector<std::int64_t>& sizes,
                                std::span<const std::int32_t> group, const Matrix<float>& theta,
                                const SumRanges& ranges, const Comm& comm) {
  const auto& head = spec.head;
  std::vector<FixedSum> sums;
  for (const auto size : sizes)
    sums.emplace_back(head.last_width,
                      FixedPoint::for_total_weight(size, ranges.limit(SumKind::group_heads)));
  bool fits = true;
  for (std::size_t p = 0; p < group.size(); ++p) {
    if (group[p] < 0) continue;
    const std::span<const float> last(theta.row(std::int64_t(p)) + head.last_w,
                                      std::size_t(head.last_width));
    fits = sums[std::size_t(group[p])].add(last) && fits;
  }
  comm.together([&] { FEDFUSE_CHECK(fits, "the heads have passed the round's sums"); });
  Matrix<float> weights(std::int64_t(sizes.size()), head.last_width);
  for (std::size_t l = 0; l < sizes.size(); ++l) {
    sums[l].reduce(comm);
    const std::span<float> to(weights.row(std::int64_t(l)), std::size_t(head.last_width));
    if (sizes[l] > 0)
      sums[l].decode(1.0 / double(sizes[l]), to);
    else
      std::copy_n(global.theta.data() + head.last_w, head.last_width, to.data());
  }
  return weights;
}

std::vector<float> GroupSums::scores_of(std::int32_t group, const Upload& upload) const {
  std::vector<float> scores;
  scores.reserve(upload.items.size());
  for (std::size_t k = 0; k < upload.items.size(); ++k)
    scores.push_back(small::dot(upload.rows + k * std::size_t(spec_.view_width),
                                weights_.row(group), spec_.view_width));
  return scores;
}

Matrix<double> GroupSums::scores(const GlobalModel& global, const Comm& comm) const {
  const auto groups = this->groups();
  const auto own = held();
  Matrix<double> scores(items_, groups);
  for (std::int64_t l = 0; l < groups; ++l) {
    const auto mix = mix_of(std::size_t(l));
    const auto& sum = rows_[std::size_t(l)];
    const double inverse = sizes_[std::size_t(l)] == 0 ? 0.0 : 1.0 / double(sizes_[std::size_t(l)]);
    const float* w = weights_.row(l);
#pragma omp parallel for schedule(static)
    for (std::int64_t i = own.first; i < own.first + own.count; ++i) {
      double score = inverse * sum.fixed().decode(sum.raw(i)[0]);
      for (int j = 0; j < spec_.views; ++j) {
        const float* row = global.views[std::size_t(j)].row(i);
        double product = 0;
        for (int k = 0; k < spec_.view_width; ++k) product += double(row[k]) * double(w[k]);
        score += mix[std::size_t(j)] * product;
      }
      scores(i, l) = score;
    }
  }
  if (owners_) complete_rows(scores, *owners_, comm);
  return scores;
}

}  // namespace fedfuse
