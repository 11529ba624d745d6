// R4 on a CPU. A thread takes a block of 256 items: encoders and hidden layer by matrix products, hidden units
// standing in rows, so that the pass over the groups runs along the items without a horizontal sum.
#include <Eigen/Core>
#include <algorithm>

#include "core/matrix.hpp"
#include "kernels/preference/preference.hpp"

namespace fedfuse::preference {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<RowMajor>;
using ConstMap = Eigen::Map<const RowMajor>;
using ConstPart = Eigen::Map<const RowMajor, Eigen::Unaligned, Eigen::OuterStride<>>;

// a_l, v_l and the constant of the logit, once for each group.
struct Groups {
  Array<float> a, v, constant;  // G x 2d, G x 2d, G
};

Groups prepare(const Problem& p) {
  const auto G = p.groups, d = p.d;
  Groups groups{Array<float>(std::size_t(G * 2 * d)), Array<float>(std::size_t(G * 2 * d)), Array<float>(std::size_t(G))};
  RowMajor g = ConstMap(p.e, G, p.d_group) * ConstMap(p.A_g, d, p.d_group).transpose();
  g.rowwise() += ConstMap(p.a_g, 1, d).row(0);
  Map a(groups.a.data(), G, 2 * d);
  a.noalias() = g * ConstPart(p.W1, 2 * d, d, Eigen::OuterStride<>(3 * d)).transpose();
  a.rowwise() += ConstMap(p.b1, 1, 2 * d).row(0);
  Map(groups.v.data(), G, 2 * d).noalias() = ConstMap(p.w, G, d) * ConstMap(p.W2, d, 2 * d);
  for (std::int64_t l = 0; l < G; ++l) {
    double constant = p.b[l];
    for (std::int64_t k = 0; k < d; ++k) constant += double(p.w[l * d + k]) * double(p.b2[k]);
    groups.constant[std::size_t(l)] = float(constant);
  }
  return groups;
}

// out[i] = has[i] A x_i + a, rows of out 2d apart.
void encode(const float* features, const std::uint8_t* has, std::int64_t n, std::int64_t width, const float* A, const float* bias, std::int64_t d,
            float* out) {
  Eigen::Map<RowMajor, Eigen::Unaligned, Eigen::OuterStride<>> y(out, n, d, Eigen::OuterStride<>(2 * d));
  if (width > 0)
    y.noalias() = ConstMap(features, n, width) * ConstMap(A, d, width).transpose();
  else
    y.setZero();
  for (std::int64_t i = 0; i < n; ++i) {
    float* __restrict to = out + i * 2 * d;
    const bool present = has == nullptr || has[i] != 0;
    for (std::int64_t k = 0; k < d; ++k) to[k] = (present ? to[k] : 0.0f) + bias[k];
  }
}

// logit[i] = constant + sum_k v[k] ReLU(a[k] + c[k][i])
void score(const float* c, const float* a, const float* v, float constant, std::int64_t units, float* __restrict logit) {
  std::fill_n(logit, block_items, constant);
  for (std::int64_t k = 0; k < units; k += 4) {  // units = 2d is a multiple of 8
    const float* __restrict row = c + k * block_items;
    for (std::int64_t i = 0; i < block_items; ++i) {
      float sum = logit[i];
      for (int q = 0; q < 4; ++q) {
        const float x = a[k + q] + row[q * block_items + i];
        sum += v[k + q] * (x < 0.0f ? 0.0f : x);
      }
      logit[i] = sum;
    }
  }
}

class Block {
 public:
  explicit Block(std::int64_t d)
      : encoded_(std::size_t(block_items * 2 * d)), c_(std::size_t(block_items * 2 * d), 0.0f), logit_(std::size_t(block_items)) {}

  void run(const Problem& p, const Groups& groups, std::int64_t first) {
    const auto d = p.d, n = std::min(block_items, p.items - first);
    const auto from = [first](const std::uint8_t* has) { return has == nullptr ? nullptr : has + first; };
    encode(p.text + first * p.d_text, from(p.has_text), n, p.d_text, p.A_t, p.a_t, d, encoded_.data());
    encode(p.image + first * p.d_image, from(p.has_image), n, p.d_image, p.A_v, p.a_v, d, encoded_.data() + d);
    Eigen::Map<RowMajor, Eigen::Unaligned, Eigen::OuterStride<>> c(c_.data(), 2 * d, n, Eigen::OuterStride<>(block_items));
    c.noalias() = ConstPart(p.W1 + d, 2 * d, 2 * d, Eigen::OuterStride<>(3 * d)) * ConstMap(encoded_.data(), n, 2 * d).transpose();
    for (std::int64_t l = 0; l < p.groups; ++l) {
      score(c_.data(), groups.a.data() + l * 2 * d, groups.v.data() + l * 2 * d, groups.constant[std::size_t(l)], 2 * d, logit_.data());
      Eigen::Map<Eigen::ArrayXf, Eigen::Aligned64> logit(logit_.data(), block_items);
      logit = logit.logistic();
      std::copy_n(logit_.data(), n, p.pref + l * p.pref_stride + first);
    }
  }

 private:
  Array<float> encoded_, c_, logit_;  // 256 x 2d; 2d x 256; 256
};

}  // namespace

void run_cpu(const Problem& p) {
  const auto groups = prepare(p);
#pragma omp parallel
  {
    Block block(p.d);
#pragma omp for schedule(dynamic)
    for (std::int64_t first = 0; first < p.items; first += block_items) block.run(p, groups, first);
  }
}

}  // namespace fedfuse::preference
