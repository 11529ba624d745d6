#pragma once
// One client's scores, a tile or a list of items at a time. Items without an own row take the short
// way through the shared tables; items with one are composed (z first, then the whole head).
#include <cstdint>

#include "core/matrix.hpp"
#include "core/tile_math.hpp"
#include "kernels/rank/rank.hpp"
#include "kernels/rank/rank_tables.hpp"

namespace fedfuse::rank {

// What ranking asks of a head (model/heads/linear.hpp); null: the head has no such part.
template <int V>
using Tower = void (*)(const HeadLayout&, const float* theta, const float* h1, float* scratch,
                       Float8 (&score)[V]);
struct HeadParts {
  float (*bias)(const HeadLayout&, const float* theta) = nullptr;
  void (*linear_weights)(const HeadLayout&, const float* theta, const float* user,
                         float* g) = nullptr;
  Tower<1> tower1 = nullptr;
  Tower<2> tower2 = nullptr;
  Tower<4> tower4 = nullptr;
  Tower<8> tower8 = nullptr;
  bool tower_is_last_layer = false;
  int tower_rows = 0;  // numbers of an item that the tower keeps in its scratch
  template <int V>
  [[nodiscard]] Tower<V> tower() const {
    if constexpr (V == 1) return tower1;
    if constexpr (V == 2) return tower2;
    if constexpr (V == 4) return tower4;
    if constexpr (V == 8) return tower8;
  }
};
[[nodiscard]] HeadParts parts_of(const HeadLayout& head);

// Scratch tiles of one thread.
struct Scratch {
  explicit Scratch(const Model& model, const Tables& tables);
  Array<float> gathered_linear, gathered_hidden;  // planes x d x 64
  Array<float> gathered_prior;                    // G x 64
  Array<float> z_linear, z_hidden;                // d x 64
  // 64 x d, composed rows before they are transposed
  Array<float> rows;
  Array<float> h1, tower;
};

class ClientScorer {
 public:
  ClientScorer(const Model& model, const Tables& tables, Scratch& scratch);
  void bind(const Client& client);  // starts at tile 0
  // Scores of the 64 items of the next tile; call for tiles 0, 1, 2, ... in order.
  void next_tile(std::int64_t tile, float* out);
  // The same for four clients whose head has no hidden part, about twice as fast.
  static constexpr int together = 4;
  static void next_tile(std::int64_t tile, ClientScorer* const (&scorers)[together],
                        float* const (&out)[together]);
  // Scores of n items, in any order.
  void items(const std::int32_t* ids, int n, float* out);

 private:
  void bind_user_half();
  void bind_linear_part();
  template <int V>
  void short_way(const float* linear, const float* hidden, const float* prior, float* out);
  template <int V>
  void fused_layers(Float8 (&acc)[V], const float* hidden) const;
  template <int V>
  void first_layer(const float* hidden);
  template <int V>
  void tower(Float8 (&acc)[V]) {
    parts_.tower<V>()(head_, theta_, scratch_.h1.data(), scratch_.tower.data(), acc);
  }
  template <int V>
  const float* mix_planes(const float* hidden);
  template <int V>
  void composed(float* out);
  void put_own_rows(std::int64_t tile, float* out);
  void composed_items(const std::int32_t* ids, const std::int32_t* own, int n, float* out);
  void compose(const std::int32_t* ids, const std::int32_t* own, int n, int offset, int ld,
               float* tile);
  template <int V>
  void shared_items(const std::int32_t* ids, int n, float* out);
  void gather_prior(const std::int32_t* ids, int n, int ld);

  const Model& model_;
  const Tables& tables_;
  Scratch& scratch_;
  const HeadLayout& head_;
  HeadParts parts_;
  const Client* client_ = nullptr;
  const float* theta_ = nullptr;
  float bias_ = 0.0f;
  std::size_t next_own_ = 0;  // first own row that is not before the next tile
  float omega_[max_views + 1] = {};
  Array<float> g_;      // planes x d: omega_p times the linear part's weights
  Array<float> g_one_;  // d: those weights
  Array<float> q_;      // d: user half of the first hidden layer, with its bias
};

}  // namespace fedfuse::rank
