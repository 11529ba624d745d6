#pragma once
// Draws i with probability weight_i / sum in O(1): Walker's alias method, built in O(n) (Vose
// 1991).
#include <cstdint>
#include <span>
#include <vector>

#include "core/error.hpp"

namespace fedfuse {

class AliasSampler {
 public:
  explicit AliasSampler(std::span<const double> weights)
      : keep_(weights.size()), other_(weights.size()) {
    double sum = 0;
    for (const double w : weights) sum += w;
    FEDFUSE_CHECK(sum > 0 && !weights.empty(), "a distribution needs weight");
    std::vector<double> share(weights.begin(), weights.end());
    std::vector<std::int32_t> small, large;
    for (std::size_t i = 0; i < share.size(); ++i) {
      share[i] *= double(share.size()) / sum;
      (share[i] < 1.0 ? small : large).push_back(std::int32_t(i));
    }
    while (!small.empty() && !large.empty()) {
      const auto s = small.back(), l = large.back();
      small.pop_back();
      keep_[std::size_t(s)] = float(share[std::size_t(s)]);
      other_[std::size_t(s)] = l;
      share[std::size_t(l)] -= 1.0 - share[std::size_t(s)];
      if (share[std::size_t(l)] < 1.0) {
        large.pop_back();
        small.push_back(l);
      }
    }
    for (const auto* rest : {&small, &large})  // rounding leaves these at 1
      for (const auto i : *rest) {
        keep_[std::size_t(i)] = 1.0f;
        other_[std::size_t(i)] = i;
      }
  }
  // column: uniform in [0, n); coin: uniform in (0, 1).
  [[nodiscard]] std::int32_t draw(std::uint32_t column, double coin) const {
    return coin < double(keep_[column]) ? std::int32_t(column) : other_[column];
  }
  [[nodiscard]] std::uint32_t size() const { return std::uint32_t(keep_.size()); }

 private:
  std::vector<float> keep_;
  std::vector<std::int32_t> other_;
};

}  // namespace fedfuse
