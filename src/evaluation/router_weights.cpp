#include "evaluation/router_weights.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/tile_math.hpp"
#include "kernels/rank/rank.hpp"

namespace fedfuse {
namespace {

using tilemath::lanes;
using tilemath::tile_items;

// Adds the softmax of column c of logits (J x ld) to sum.
void add_softmax(const float* logits, int ld, int c, std::span<double> sum) {
  float largest = logits[c];
  for (std::size_t j = 1; j < sum.size(); ++j) largest = std::max(largest, logits[int(j) * ld + c]);
  double total = 0;
  double power[rank::max_views];
  for (std::size_t j = 0; j < sum.size(); ++j)
    total += power[j] = std::exp(double(logits[int(j) * ld + c]) - double(largest));
  for (std::size_t j = 0; j < sum.size(); ++j) sum[j] += power[j] / total;
}

}  // namespace

void router_weights(const RouterLayout& layout, const float* router,
                    std::span<const Matrix<float>> views, std::span<const std::int32_t> positives,
                    std::span<float> omega) {
  const int d = layout.d, J = layout.views;
  thread_local Array<float> x, hidden, logits;
  x.resize(std::size_t(J * d * tile_items));
  hidden.resize(std::size_t(d * tile_items));
  logits.resize(std::size_t(J * tile_items));
  std::vector<double> sum(std::size_t(J), 0.0);
  for (std::size_t first = 0; first < positives.size(); first += tile_items) {
    const int n = int(std::min<std::size_t>(tile_items, positives.size() - first));
    tilemath::with_vectors(n, [&]<int V> {
      constexpr int ld = V * lanes;
      for (int c = 0; c < n; ++c)
        for (int j = 0; j < J; ++j) {
          const float* row = views[std::size_t(j)].row(positives[first + std::size_t(c)]);
          for (int k = 0; k < d; ++k) x[std::size_t((j * d + k) * ld + c)] = row[k];
        }
      tilemath::dense<V, true>({.weight = router + layout.Phi1,
                                .ldw = J * d,
                                .n_out = d,
                                .n_in = J * d,
                                .bias = router + layout.phi1},
                               x.data(), hidden.data());
      tilemath::dense<V, false>({.weight = router + layout.Phi2,
                                 .ldw = d,
                                 .n_out = J,
                                 .n_in = d,
                                 .bias = router + layout.phi2},
                                hidden.data(), logits.data());
      for (int c = 0; c < n; ++c) add_softmax(logits.data(), ld, c, sum);
    });
  }
  for (std::size_t j = 0; j < omega.size(); ++j)
    omega[j] = positives.empty() ? 1.0f / float(J) : float(sum[j] / double(positives.size()));
}

}  // namespace fedfuse
