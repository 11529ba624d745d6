#include "kernels/rank/rank_scorer.hpp"

#include <algorithm>

#include "model/heads.hpp"

namespace fedfuse::rank {
namespace {

float dot(const float* a, const float* b, int n) {
  Float8 sum = simd::splat(0.0f);
  int k = 0;
  for (; k + lanes <= n; k += lanes) sum = madd(sum, simd::load(a + k), simd::load(b + k));
  float rest = 0.0f;
  for (; k < n; ++k) rest = madd(rest, a[k], b[k]);
  return simd::sum(sum) + rest;
}

// One item's column of a full tile into a tile of ld lanes.
void take_column(const float* tile, int rows, int ld, float* to) {
  for (int k = 0; k < rows; ++k) to[k * ld] = tile[k * tile_items];
}

template <class Head>
HeadParts make_parts(const HeadLayout& head) {
  HeadParts parts{.bias = Head::bias};
  if constexpr (requires { &Head::linear_weights; }) parts.linear_weights = Head::linear_weights;
  if constexpr (requires { &Head::tower_rows; }) {
    parts.tower1 = Head::template tower<1>;
    parts.tower2 = Head::template tower<2>;
    parts.tower4 = Head::template tower<4>;
    parts.tower8 = Head::template tower<8>;
    parts.tower_is_last_layer = Head::tower_is_last_layer;
    parts.tower_rows = Head::tower_rows(head);
  }
  return parts;
}

}  // namespace

HeadParts parts_of(const HeadLayout& head) {
  return with_head(head.kind, [&]<class Head> { return make_parts<Head>(head); });
}

Scratch::Scratch(const Model& model, const Tables& tables) {
  const auto tile = [](std::int64_t height) { return std::size_t(height * tile_items); };
  const std::int64_t d = model.head.d, planes = tables.planes() * d;
  rows.resize(tile(d));
  if (tables.has_linear()) {
    gathered_linear.resize(tile(planes));
    z_linear.resize(tile(d));
  }
  if (tables.has_hidden()) {
    gathered_hidden.resize(tile(planes));
    z_hidden.resize(tile(d));
    h1.resize(tile(d));
  }
  tower.resize(tile(parts_of(model.head).tower_rows));
  gathered_prior.resize(tile(tables.prior_groups()));
}

ClientScorer::ClientScorer(const Model& model, const Tables& tables, Scratch& scratch)
    : model_(model),
      tables_(tables),
      scratch_(scratch),
      head_(model.head),
      parts_(parts_of(model.head)) {
  const auto d = std::size_t(head_.d);
  if (tables.has_linear()) {
    g_.resize(std::size_t(tables.planes()) * d);
    g_one_.resize(d);
  }
  if (tables.has_hidden()) q_.resize(d);
}

void ClientScorer::bind(const Client& client) {
  client_ = &client;
  theta_ = model_.theta != nullptr ? model_.theta : client.theta;
  bias_ = parts_.bias(head_, theta_);
  next_own_ = 0;
  for (int j = 0; j < model_.views; ++j) omega_[j] = model_.views > 1 ? client.omega[j] : 1.0f;
  if (model_.base != nullptr) omega_[model_.views] = client.base_scale;
  if (tables_.has_linear()) bind_linear_part();
  if (tables_.has_hidden()) bind_user_half();
}

void ClientScorer::bind_linear_part() {
  parts_.linear_weights(head_, theta_, client_->user, g_one_.data());
  for (int p = 0; p < tables_.planes(); ++p)
    for (int k = 0; k < head_.d; ++k)
      g_[std::size_t(p * head_.d + k)] = omega_[p] * g_one_[std::size_t(k)];
}

void ClientScorer::bind_user_half() {
  const float* weight = theta_ + head_.first_user;
  const int ldw = head_.first_stride;
  for (int o = 0; o < head_.d; ++o)
    q_[std::size_t(o)] = theta_[head_.b1 + o] + dot(weight + o * ldw, client_->user, head_.d);
}

// A tower that is the last layer, over H_j: nothing leaves the registers.
template <int V>
void ClientScorer::fused_layers(Float8 (&acc)[V], const float* hidden) const {
  constexpr int ld = V * lanes;
  const int planes = tables_.planes();
  const float* w = theta_ + head_.last_w;
  for (int k = 0; k < head_.d; ++k) {
    const Float8 q = simd::splat(q_[std::size_t(k)]), weight = simd::splat(w[k]);
    Float8 pre[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) pre[v] = q;
    for (int p = 0; p < planes; ++p) {
      const Float8 omega = simd::splat(omega_[p]);
      const float* h = hidden + (p * head_.d + k) * ld;
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) pre[v] = madd(pre[v], omega, simd::load(h + v * lanes));
    }
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) acc[v] = madd(acc[v], weight, relu(pre[v]));
  }
}

// sum_p omega_p F_p, or the only plane itself.
template <int V>
const float* ClientScorer::mix_planes(const float* hidden) {
  constexpr int ld = V * lanes;
  if (tables_.planes() == 1) return hidden;
  const int n = head_.d * ld;
  float* z = scratch_.z_hidden.data();
  for (int at = 0; at < n; at += lanes) {
    Float8 sum = simd::splat(omega_[0]) * simd::load(hidden + at);
    for (int p = 1; p < tables_.planes(); ++p)
      sum = madd(sum, simd::splat(omega_[p]), simd::load(hidden + p * n + at));
    simd::store(z + at, sum);
  }
  return z;
}

// h1 from the tables: a shared head's H_j, or this client's own first layer.
template <int V>
void ClientScorer::first_layer(const float* hidden) {
  constexpr int ld = V * lanes;
  if (model_.theta == nullptr) {
    auto layer = item_half(head_, theta_);
    layer.bias = q_.data();
    dense<V, true>(layer, mix_planes<V>(hidden), scratch_.h1.data());
    return;
  }
  for (int k = 0; k < head_.d; ++k)
    for (int v = 0; v < V; ++v) {
      Float8 pre = simd::splat(q_[std::size_t(k)]);
      for (int p = 0; p < tables_.planes(); ++p)
        pre = madd(pre, simd::splat(omega_[p]),
                   simd::load(hidden + (p * head_.d + k) * ld + v * lanes));
      simd::store(scratch_.h1.data() + k * ld + v * lanes, relu(pre));
    }
}

template <int V>
void ClientScorer::short_way(const float* linear, const float* hidden, const float* prior,
                             float* out) {
  Float8 acc[V];
  for (auto& a : acc) a = simd::splat(bias_);
  if (tables_.has_linear()) chain(acc, linear, g_.data(), tables_.planes() * head_.d);
  if (parts_.tower_is_last_layer && model_.theta != nullptr) {
    fused_layers(acc, hidden);
  } else if (tables_.has_hidden()) {
    first_layer<V>(hidden);
    tower(acc);
  }
  chain(acc, prior, client_->shares, tables_.prior_groups());
  for (int v = 0; v < V; ++v) simd::store(out + v * lanes, acc[v]);
}

void ClientScorer::next_tile(std::int64_t tile, float* out) {
  short_way<tile_items / lanes>(tables_.has_linear() ? tables_.linear(tile) : nullptr,
                                tables_.has_hidden() ? tables_.hidden(tile) : nullptr,
                                tables_.prior(tile), out);
  put_own_rows(tile, out);
}

void ClientScorer::next_tile(std::int64_t tile, ClientScorer* const (&scorers)[together],
                             float* const (&out)[together]) {
  const Tables& tables = scorers[0]->tables_;
  ClientChain<together> rows{.in = tables.linear(tile), .n = tables.planes() * scorers[0]->head_.d};
  ClientChain<together> prior{.in = tables.prior(tile), .n = tables.prior_groups()};
  float bias[together];
  for (int c = 0; c < together; ++c) {
    rows.g[c] = scorers[c]->g_.data();
    prior.g[c] = scorers[c]->client_->shares;
    bias[c] = scorers[c]->bias_;
  }
  chain_clients(bias, rows, prior, out);
  for (int c = 0; c < together; ++c) scorers[c]->put_own_rows(tile, out[c]);
}

// At most 64 items without own rows: their columns of the tables, gathered.
template <int V>
void ClientScorer::shared_items(const std::int32_t* ids, int n, float* out) {
  constexpr int ld = V * lanes;
  const int rows = tables_.planes() * head_.d;
  for (int c = 0; c < n; ++c) {
    const std::int64_t tile = ids[c] / tile_items;
    const int lane = ids[c] % tile_items;
    if (tables_.has_linear())
      take_column(tables_.linear(tile) + lane, rows, ld, scratch_.gathered_linear.data() + c);
    if (tables_.has_hidden())
      take_column(tables_.hidden(tile) + lane, rows, ld, scratch_.gathered_hidden.data() + c);
  }
  gather_prior(ids, n, ld);
  short_way<V>(scratch_.gathered_linear.data(), scratch_.gathered_hidden.data(),
               scratch_.gathered_prior.data(), out);
}

// Logits of the items, as a tile of ld lanes.
void ClientScorer::gather_prior(const std::int32_t* ids, int n, int ld) {
  for (int c = 0; c < n; ++c)
    take_column(tables_.prior(ids[c] / tile_items) + ids[c] % tile_items, tables_.prior_groups(),
                ld, scratch_.gathered_prior.data() + c);
}

void ClientScorer::items(const std::int32_t* ids, int n, float* out) {
  for (int first = 0; first < n; first += tile_items) {
    const int count = std::min(tile_items, n - first);
    std::int32_t shared[tile_items], shared_at[tile_items], composed_ids[tile_items],
        own[tile_items], own_at[tile_items];
    int n_shared = 0, n_own = 0;
    for (int c = first; c < first + count; ++c) {
      const auto at = std::ranges::lower_bound(client_->row_ids, ids[c]);
      if (at != client_->row_ids.end() && *at == ids[c]) {
        composed_ids[n_own] = ids[c];
        own[n_own] = std::int32_t(at - client_->row_ids.begin());
        own_at[n_own++] = c;
      } else {
        shared[n_shared] = ids[c];
        shared_at[n_shared++] = c;
      }
    }
    alignas(32) float scores[tile_items];
    if (n_shared > 0)
      with_vectors(n_shared, [&]<int V> { shared_items<V>(shared, n_shared, scores); });
    for (int c = 0; c < n_shared; ++c) out[shared_at[c]] = scores[c];
    if (n_own > 0) composed_items(composed_ids, own, n_own, scores);
    for (int c = 0; c < n_own; ++c) out[own_at[c]] = scores[c];
  }
}

}  // namespace fedfuse::rank
