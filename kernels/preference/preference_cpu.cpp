// R4 on a CPU. A thread takes a block of 256 items: encoders and hidden layer by matrix products,
// hidden units standing in rows, so that the pass over the groups runs along the items without a
// horizontal sum.
#include <omp.h>

#include <algorithm>

#include "core/matrix.hpp"
#include "core/small_gemm.hpp"
#include "kernels/preference/packed.hpp"
#include "kernels/preference/preference.hpp"

namespace fedfuse::preference {
namespace {

// What is computed once: the packed encoders, and a_l, v_l and the constant of the logit of each
// group.
struct Prepared {
  Packed A_t, A_v;
  Array<float> a, v, constant;  // G x 2d, G x 2d, G
};

Prepared prepare(const Problem& p) {
  const auto G = p.groups, d = p.d;
  Prepared out;
  out.A_t.pack(p.A_t, d, p.d_text, p.d_text);
  out.A_v.pack(p.A_v, d, p.d_image, p.d_image);
  Packed weights;
  Array<float> g(std::size_t(G * d));
  weights.pack(p.A_g, d, p.d_group, p.d_group);
  weights.product(p.e, G, p.d_group, g.data(), d);
  for (std::int64_t k = 0; k < G * d; ++k) g[std::size_t(k)] += p.a_g[k % d];
  out.a.resize(std::size_t(G * 2 * d));
  weights.pack(p.W1, 2 * d, d, 3 * d);
  weights.product(g.data(), G, d, out.a.data(), 2 * d);
  for (std::int64_t k = 0; k < G * 2 * d; ++k) out.a[std::size_t(k)] += p.b1[k % (2 * d)];
  out.v.resize(std::size_t(G * 2 * d));
  small::gemm(int(G), int(2 * d), int(d), small::rows_of(p.w, d), p.W2, 2 * d, out.v.data(), 2 * d);
  for (std::int64_t l = 0; l < G; ++l) {
    double constant = p.b[l];
    for (std::int64_t k = 0; k < d; ++k) constant += double(p.w[l * d + k]) * double(p.b2[k]);
    out.constant.push_back(float(constant));
  }
  return out;
}

// out[i] = has[i] A x_i + a, rows of out 2d apart.
void encode(const float* features, const std::uint8_t* has, std::int64_t n, std::int64_t width,
            const Packed& A, const float* bias, std::int64_t d, float* out) {
  A.product(features, n, width, out, 2 * d);
  for (std::int64_t i = 0; i < n; ++i) {
    float* __restrict to = out + i * 2 * d;
    const bool present = has == nullptr || has[i] != 0;
    for (std::int64_t k = 0; k < d; ++k) to[k] = (present ? to[k] : 0.0f) + bias[k];
  }
}

// logit[i] = constant + sum_k v[k] ReLU(a[k] + c[k][i]): 32 items at a time stay in registers.
void score(const float* c, const float* a, const float* v, float constant, std::int64_t units,
           float* logit) {
  constexpr std::int64_t vectors = 4, lanes = simd::lanes;
  for (std::int64_t i = 0; i < block_items; i += vectors * lanes) {
    simd::Float8 sum[vectors];
    for (auto& s : sum) s = simd::splat(constant);
    for (std::int64_t k = 0; k < units; ++k)
      for (std::int64_t q = 0; q < vectors; ++q)
        sum[q] += simd::splat(v[k]) *
                  simd::max(simd::load(c + k * block_items + i + q * lanes) + simd::splat(a[k]),
                            simd::Float8{});
    for (std::int64_t q = 0; q < vectors; ++q) simd::store(logit + i + q * lanes, sum[q]);
  }
}

// Scratch of one thread.
class Block {
 public:
  explicit Block(std::int64_t d)
      : encoded_(std::size_t(block_items * 2 * d)),
        c_(std::size_t(block_items * 2 * d), 0.0f),
        logit_(std::size_t(block_items)) {}

  void run(const Problem& p, const Prepared& prepared, std::int64_t first) {
    const auto d = p.d, n = std::min(block_items, p.items - first);
    const auto from = [first](const std::uint8_t* has) {
      return has == nullptr ? nullptr : has + first;
    };
    encode(p.text + first * p.d_text, from(p.has_text), n, p.d_text, prepared.A_t, p.a_t, d,
           encoded_.data());
    encode(p.image + first * p.d_image, from(p.has_image), n, p.d_image, prepared.A_v, p.a_v, d,
           encoded_.data() + d);
    columns_.pack(encoded_.data(), n, 2 * d, 2 * d);
    // c, transposed: W_tv encoded^T
    columns_.product(p.W1 + d, 2 * d, 3 * d, c_.data(), block_items);
    for (std::int64_t l = 0; l < p.groups; ++l) {
      const auto at = std::size_t(l * 2 * d);
      score(c_.data(), prepared.a.data() + at, prepared.v.data() + at,
            prepared.constant[std::size_t(l)], 2 * d, logit_.data());
      sigmoid(logit_.data(), block_items);
      std::copy_n(logit_.data(), n, p.pref + l * p.pref_stride + first);
    }
  }

 private:
  Array<float> encoded_, c_, logit_;  // 256 x 2d; 2d x 256; 256
  Packed columns_;
};

}  // namespace

void run_cpu(const Problem& p) {
  const auto prepared = prepare(p);
  const auto blocks = (p.items + block_items - 1) / block_items;
#pragma omp parallel num_threads(int(std::clamp<std::int64_t>(blocks, 1, omp_get_max_threads())))
  {
    Block block(p.d);
#pragma omp for schedule(dynamic)
    for (std::int64_t first = 0; first < p.items; first += block_items)
      block.run(p, prepared, first);
  }
}

}  // namespace fedfuse::preference
