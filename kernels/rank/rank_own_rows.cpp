// Items that a client has rows of its own for: z first, then the whole head.
#include <algorithm>

#include "kernels/rank/rank_scorer.hpp"

namespace fedfuse::rank {

// The whole head over z_linear and z_hidden.
template <int V>
void ClientScorer::composed(float* out) {
  Float8 acc[V];
  for (auto& a : acc) a = simd::splat(bias_);
  if (tables_.has_linear()) chain(acc, scratch_.z_linear.data(), g_one_.data(), head_.d);
  if (tables_.has_hidden()) {
    auto layer = item_half(head_, theta_);
    layer.bias = q_.data();
    dense<V, true>(layer, scratch_.z_hidden.data(), scratch_.h1.data());
    tower(acc);
  }
  chain(acc, scratch_.gathered_prior.data(), client_->shares, tables_.prior_groups());
  for (int v = 0; v < V; ++v) simd::store(out + v * lanes, acc[v]);
}

// Columns offset .. offset + d of z of n items with own rows (own[c]: which of the client's rows),
// as a tile of ld lanes.
void ClientScorer::compose(const std::int32_t* ids, const std::int32_t* own, int n, int offset,
                           int ld, float* tile) {
  const int d = head_.d;
  for (int c = 0; c < n; ++c) {
    const float* row = client_->rows + std::int64_t(own[c]) * model_.width + offset;
    float* z = scratch_.rows.data() + c * d;
    if (model_.own_rows == OwnRows::replace) {
      std::copy_n(row, d, z);
      continue;
    }
    const std::int64_t at = std::int64_t(ids[c]) * model_.width + offset;
    for (int k = 0; k < d; ++k) z[k] = omega_[0] * model_.view[0][at + k];
    for (int j = 1; j < model_.views; ++j)
      for (int k = 0; k < d; ++k) z[k] = madd(z[k], omega_[j], model_.view[j][at + k]);
    for (int k = 0; k < d; ++k) z[k] += row[k];
  }
  transpose(scratch_.rows.data(), d, n, d, tile, ld);
}

// At most 64 items that have own rows.
void ClientScorer::composed_items(const std::int32_t* ids, const std::int32_t* own, int n,
                                  float* out) {
  with_vectors(n, [&]<int V> {
    if (tables_.has_linear())
      compose(ids, own, n, tables_.linear_offset(), V * lanes, scratch_.z_linear.data());
    if (tables_.has_hidden()) compose(ids, own, n, 0, V * lanes, scratch_.z_hidden.data());
    gather_prior(ids, n, V * lanes);
    composed<V>(out);
  });
}

// Items of the tile that have own rows are scored anew.
void ClientScorer::put_own_rows(std::int64_t tile, float* out) {
  const auto& ids = client_->row_ids;
  const std::int64_t first = tile * tile_items;
  std::int32_t own[tile_items];
  int n = 0;
  while (next_own_ < ids.size() && ids[next_own_] < first + tile_items)
    own[n++] = std::int32_t(next_own_++);
  if (n == 0) return;
  alignas(32) float scores[tile_items];
  composed_items(ids.data() + own[0], own, n, scores);
  for (int c = 0; c < n; ++c) out[ids[std::size_t(own[c])] - first] = scores[c];
}

}  // namespace fedfuse::rank
