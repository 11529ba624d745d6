#pragma once
// The tower [u1; z1] -> d -> d/2 -> d/4 and the product u2 o z2 (src/model/heads/neumf.hpp) on a
// device.
#include "kernels/local_train/gpu_heads.cuh"

namespace fedfuse::local_train {
namespace {

template <int HeldTiles, int D>
struct NeumfGpu {
  static constexpr bool two_halves = true;  // of an item's row
  static constexpr int z_stride = known_stride<D>(2 * D);
  static constexpr bool pairs = false, pairs_routed = false;
  using Batch = BatchView<z_stride>;
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  using Whole = Rows<known_stride<D>(D)>;
  using Half = Rows<known_stride<D>(D / 2)>;
  using Quarter = Rows<known_stride<D>(D / 4)>;
  using Weights = Rows<known_weights<D>(D)>;
  using LastWeights = Rows<known_weights<D>(D / 2)>;
  // Offsets stand in the constant memory of the launch: pointers are made where they are used, and
  // hold no registers in between.
  struct Parts {
    float *W1u, *b1, *b2, *b3, *w, *w_gmf, *b, *u1, *u2, *base, *s1, *s2, *s3, *dw, *dw_gmf, *du1,
        *du2, *sums;
    Weights W1z, W2;
    LastWeights W3;
    Whole T1;
    Half T2;
    Quarter T3;
    double* red;
    int d, h2, h3;
  };
  __device__ Parts parts() const {
    Parts m;
    m.d = D > 0 ? D : shape.d;
    m.h2 = m.d / 2;
    m.h3 = m.d / 4;
    m.W1u = weights + p.W_a;
    m.W1z = Weights{weights + p.W_b, weight_stride(m.d)};
    m.W2 = Weights{weights + p.W2, weight_stride(m.d)};
    m.W3 = LastWeights{weights + p.W3, weight_stride(m.h2)};
    m.b1 = shared + p.small;
    m.b2 = m.b1 + m.d;
    m.b3 = m.b2 + m.d;
    m.u1 = m.b3 + m.d;
    m.u2 = m.u1 + m.d;
    m.base = m.u2 + m.d;
    m.s1 = m.base + m.d;
    m.s2 = m.s1 + m.d;
    m.s3 = m.s2 + m.d;
    m.du1 = m.s3 + m.d;
    m.du2 = m.du1 + m.d;
    m.w = m.du2 + m.d;
    m.w_gmf = m.w + (m.h3 + 3) / 4 * 4;  // at 16 bytes
    m.dw = m.w + 2 * m.d;
    m.dw_gmf = m.dw + (m.h3 + 3) / 4 * 4;
    m.b = m.dw + 2 * m.d;
    m.T1 = Whole{batch + p.H, padded(m.d)};
    m.T2 = Half{batch + p.T2, padded(m.h2)};
    m.T3 = Quarter{batch + p.T3, padded(m.h3)};
    m.sums = shared + p.sums;
    m.red = reinterpret_cast<double*>(shared + p.red);
    return m;
  }
  __device__ void load(const float* theta, const float* user) {
    const Parts m = parts();
    const auto& h = shape.head;
    copy_matrix(m.W1u, weight_stride(m.d), theta + h.W1, 2 * m.d, m.d, m.d);
    copy_matrix(m.W1z.data, m.W1z.stride(), theta + h.W1 + m.d, 2 * m.d, m.d, m.d);
    copy_matrix(m.W2.data, m.W2.stride(), theta + h.W2, m.d, m.h2, m.d);
    copy_matrix(m.W3.data, m.W3.stride(), theta + h.W3, m.h2, m.h3, m.h2);
    copy(m.b1, theta + h.b1, m.d);
    copy(m.b2, theta + h.b2, m.h2);
    copy(m.b3, theta + h.b3, m.h3);
    copy(m.w, theta + h.last_w, m.h3);
    copy(m.w_gmf, theta + h.last_w + m.h3, m.d);
    copy(m.u1, user, m.d);
    copy(m.u2, user + m.d, m.d);
    if (threadIdx.x == 0) *m.b = theta[h.last_b];
    __syncthreads();
  }
  __device__ void forward(const Batch& x) {
    const Parts m = parts();
    user_half(m.W1u, m.u1, m.b1, m.d, m.sums, m.base);
    forward_layer(x.n, m.d, m.d, x.Z, m.W1z, m.base, m.T1);
    forward_layer(x.n, m.h2, m.d, m.T1, m.W2, m.b2, m.T2);
    forward_layer(x.n, m.h3, m.h2, m.T2, m.W3, m.b3, m.T3);
    dot_rows(
        x.n, m.h3,
        [&](int i, int k, float sum) {
          return dot4(load_within<D>(m.w, k, m.h3), load_within<D>(m.T3(i), k, m.h3), sum);
        },
        [&](int i, float sum) { x.score[i] = sum + *m.b; });
    dot_rows(
        x.n, m.d,
        [&](int i, int k, float sum) {
          return dot4(product4(load4(m.w_gmf + k), load4(m.u2 + k)), load4(x.Z(i) + m.d + k), sum);
        },
        [&](int i, float sum) { x.score[i] += sum; });  // by the lane that set it
    __syncthreads();
  }
  __device__ void backward(const Batch& x, float keep, float lr) {
    const Parts m = parts();
    float* const last[2] = {m.s3, m.dw};
    column_sums<D / 4, 2>(x.n, m.h3, m.sums, last, [&](int i, int k, float4(&s)[2]) {
      const float4 t = load4(m.T3(i) + k), g = through_relu(x.delta[i], load4(m.w + k), t);
      s[0] = fma4(1.0f, g, s[0]);
      s[1] = fma4(x.delta[i], t, s[1]);
      store4(m.T3(i) + k, g);
    });
    float* const gmf[2] = {m.dw_gmf, m.du2};
    column_sums<D, 2>(x.n, m.d, m.sums, gmf, [&](int i, int k, float4(&s)[2]) {
      float* z = x.Z(i) + m.d + k;
      const float4 was = load4(z), w = load4(m.w_gmf + k), u = load4(m.u2 + k);
      s[0] = fma4(x.delta[i], product4(u, was), s[0]);
      s[1] = fma4(x.delta[i], product4(w, was), s[1]);
      store4(z, scaled(x.delta[i], product4(w, u)));
    });
    const auto active = [](float t) { return t > 0.0f; };
    backward_layer<HeldTiles>(x.n, m.h3, m.h2, m.T3, m.T2, m.W3, keep, lr, active);
    row_sum<D / 2>(x.n, m.h2, m.T2, m.s2);
    backward_layer<HeldTiles>(x.n, m.h2, m.d, m.T2, m.T1, m.W2, keep, lr, active);
    row_sum<D>(x.n, m.d, m.T1, m.s1);
    backward_layer<HeldTiles>(x.n, m.d, m.d, m.T1, x.Z, m.W1z, keep, lr,
                              [](float) { return true; });
    step_user_half<D>(m.W1u, m.u1, m.s1, m.d, keep, lr, m.sums, m.du1);
    const float db = bias_gradient(x, m.red);
    sgd(m.u1, m.du1, m.d, keep, lr);
    sgd(m.u2, m.du2, m.d, keep, lr);
    sgd(m.w, m.dw, m.h3, keep, lr);
    sgd(m.w_gmf, m.dw_gmf, m.d, keep, lr);
    sgd(m.b1, m.s1, m.d, keep, lr);
    sgd(m.b2, m.s2, m.h2, keep, lr);
    sgd(m.b3, m.s3, m.h3, keep, lr);
    if (threadIdx.x == 0) *m.b = fmaf(-lr, db, keep * *m.b);
    __syncthreads();
  }
  template <int Known, class T>
  __device__ void row_sum(int n, int cols, const T& rows, float* to) {
    const Parts m = parts();
    float* const out[1] = {to};
    column_sums<Known, 1>(n, cols, m.sums, out, [&](int i, int k, float4(&s)[1]) {
      s[0] = fma4(1.0f, load4(rows(i) + k), s[0]);
    });
  }
  __device__ void store(float* theta, float* user) const {
    const Parts m = parts();
    const auto& h = shape.head;
    copy_matrix(theta + h.W1, 2 * m.d, m.W1u, weight_stride(m.d), m.d, m.d);
    copy_matrix(theta + h.W1 + m.d, 2 * m.d, m.W1z.data, m.W1z.stride(), m.d, m.d);
    copy_matrix(theta + h.W2, m.d, m.W2.data, m.W2.stride(), m.h2, m.d);
    copy_matrix(theta + h.W3, m.h2, m.W3.data, m.W3.stride(), m.h3, m.h2);
    copy(theta + h.b1, m.b1, m.d);
    copy(theta + h.b2, m.b2, m.h2);
    copy(theta + h.b3, m.b3, m.h3);
    copy(theta + h.last_w, m.w, m.h3);
    copy(theta + h.last_w + m.h3, m.w_gmf, m.d);
    copy(user, m.u1, m.d);
    copy(user + m.d, m.u2, m.d);
    if (threadIdx.x == 0) theta[h.last_b] = *m.b;
  }
};

}  // namespace
}  // namespace fedfuse::local_train
