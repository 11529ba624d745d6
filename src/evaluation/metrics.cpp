#include "evaluation/metrics.hpp"

#include <algorithm>
#include <cmath>

#include "core/fixed_point.hpp"

namespace fedfuse {
namespace {

// Sums of integers only: 1 + 2 |cutoffs| numbers for each of valid/test x warm/cold.
class Sums {
 public:
  explicit Sums(std::span<const int> at) : at_(at), values_(4 * stride()) {}

  void add(bool test, bool cold, std::int32_t rank) {
    std::int64_t* group = values_.data() + index(test, cold);
    ++group[0];
    for (std::size_t k = 0; k < at_.size(); ++k) {
      if (rank > at_[k]) continue;
      ++group[1 + k];
      group[1 + at_.size() + k] += gain_.encode(1.0 / std::log2(1.0 + rank));
    }
  }
  void reduce(const Comm& comm) { comm.sum(values_); }

  [[nodiscard]] SplitMetricsAt split(bool test) const {
    return {means(test, true, true), means(test, true, false), means(test, false, true)};
  }

 private:
  [[nodiscard]] std::size_t stride() const { return 1 + 2 * at_.size(); }
  [[nodiscard]] std::size_t index(bool test, bool cold) const {
    return (2 * std::size_t(test) + std::size_t(cold)) * stride();
  }
  [[nodiscard]] MetricsAt means(bool test, bool with_warm, bool with_cold) const {
    std::vector<std::int64_t> sum(stride());
    for (std::size_t j = 0; j < stride(); ++j)
      sum[j] = (with_warm ? values_[index(test, false) + j] : 0) +
               (with_cold ? values_[index(test, true) + j] : 0);
    MetricsAt m{std::vector<double>(at_.size()), std::vector<double>(at_.size()), sum[0]};
    for (std::size_t k = 0; k < at_.size(); ++k) {  // 0 / 0 over nobody: not a number
      m.hr[k] = double(sum[1 + k]) / double(sum[0]);
      m.ndcg[k] = gain_.decode(sum[1 + at_.size() + k]) / double(sum[0]);
    }
    return m;
  }

  std::span<const int> at_;
  std::vector<std::int64_t> values_;
  FixedPoint gain_;  // 2^32: gains are at most 1, so 2^31 clients fit
};

Metrics at_cutoffs(const MetricsAt& m) {
  Metrics out;
  std::ranges::copy(m.hr, out.hr.begin());
  std::ranges::copy(m.ndcg, out.ndcg.begin());
  out.clients = m.clients;
  return out;
}

SplitMetrics at_cutoffs(const SplitMetricsAt& m) {
  return {at_cutoffs(m.all), at_cutoffs(m.warm), at_cutoffs(m.cold)};
}

}  // namespace

EvaluationAt metrics_at(const LocalRanks& ranks, const Dataset& data, std::span<const int> at,
                        const Comm& comm) {
  Sums sums(at);
  const auto cold = [&](std::int32_t item) { return data.popularity[std::size_t(item)] == 0; };
  for (std::size_t u = 0; u < ranks.of_client.size(); ++u) {
    const auto& rank = ranks.of_client[u];
    if (rank.valid > 0) sums.add(false, cold(data.valid[u]), rank.valid);
    if (rank.test > 0) sums.add(true, cold(data.test[u]), rank.test);
  }
  sums.reduce(comm);
  return {sums.split(false), sums.split(true), ranks.skipped_cold};
}

Evaluation metrics(const LocalRanks& ranks, const Dataset& data, const Comm& comm) {
  const auto at = metrics_at(ranks, data, cutoffs, comm);
  return {at_cutoffs(at.valid), at_cutoffs(at.test), at.skipped_cold};
}

}  // namespace fedfuse
