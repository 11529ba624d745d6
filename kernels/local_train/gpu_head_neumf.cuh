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
  using Batch = BatchView<z_stride>;
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  using Whole = Rows<known_stride<D>(D)>;
  using Half = Rows<known_stride<D>(D / 2)>;
  using Quarter = Rows<known_stride<D>(D / 4)>;
  // Offsets stand in the constant memory of the launch: pointers are made where they are used, and
  // hold no registers in between.
  struct Parts {
    float *W1u, *b1, *b2, *b3, *w, *b, *u1, *u2, *base, *s1, *s2, *s3, *dw, *du1, *du2, *sums;
    Whole W1z, W2, T1;
    Half W3, T2;
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
    m.W1z = Whole{weights + p.W_b, padded(m.d)};
    m.W2 = Whole{weights + p.W2, padded(m.d)};
    m.W3 = Half{weights + p.W3, padded(m.h2)};
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
    m.dw = m.w + 2 * m.d;
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
    copy_matrix(m.W1u, m.d, theta + h.W1, 2 * m.d, m.d, m.d);
    copy_matrix(m.W1z.data, m.W1z.stride(), theta + h.W1 + m.d, 2 * m.d, m.d, m.d);
    copy_matrix(m.W2.data, m.W2.stride(), theta + h.W2, m.d, m.h2, m.d);
    copy_matrix(m.W3.data, m.W3.stride(), theta + h.W3, m.h2, m.h3, m.h2);
    copy(m.b1, theta + h.b1, m.d);
    copy(m.b2, theta + h.b2, m.h2);
    copy(m.b3, theta + h.b3, m.h3);
    copy(m.w, theta + h.last_w, m.h3 + m.d);
    copy(m.u1, user, m.d);
    copy(m.u2, user + m.d, m.d);
    if (threadIdx.x == 0) *m.b = theta[h.last_b];
    __syncthreads();
  }
  __device__ void forward(const Batch& x) {
    const Parts m = parts();
    user_half(m.W1u, m.u1, m.b1, m.d, m.base);
    forward_layer(x.n, m.d, m.d, x.Z, m.W1z, m.base, m.T1);
    forward_layer(x.n, m.h2, m.d, m.T1, m.W2, m.b2, m.T2);
    forward_layer(x.n, m.h3, m.h2, m.T2, m.W3, m.b3, m.T3);
#pragma unroll 1
    for (int i = warp(); i < x.n; i += warps()) {
      const float* z2 = x.Z(i) + m.d;
      float s = 0;
      for (int k = lane(); k < m.h3; k += 32) s = fmaf(m.w[k], m.T3(i)[k], s);
      for (int k = lane(); k < m.d; k += 32) s = fmaf(m.w[m.h3 + k] * m.u2[k], z2[k], s);
      s = warp_sum(s);
      if (lane() == 0) x.score[i] = s + *m.b;
    }
    __syncthreads();
  }
  __device__ void backward(const Batch& x, float keep, float lr) {
    const Parts m = parts();
    float* const last[2] = {m.s3, m.dw};
    column_sums<2>(x.n, m.h3, m.sums, last, [&](int i, int k, float (&s)[2]) {
      float& t = m.T3(i)[k];
      const float g = t > 0.0f ? x.delta[i] * m.w[k] : 0.0f;
      s[0] += g;
      s[1] = fmaf(x.delta[i], t, s[1]);
      t = g;
    });
    float* const gmf[2] = {m.dw + m.h3, m.du2};
    const float* wg = m.w + m.h3;
    column_sums<2>(x.n, m.d, m.sums, gmf, [&](int i, int k, float (&s)[2]) {
      float& z = x.Z(i)[m.d + k];
      const float e = x.delta[i];
      s[0] = fmaf(e * m.u2[k], z, s[0]);
      s[1] = fmaf(e * wg[k], z, s[1]);
      z = e * wg[k] * m.u2[k];
    });
    const auto active = [](float t) { return t > 0.0f; };
    backward_layer<HeldTiles>(x.n, m.h3, m.h2, m.T3, m.T2, m.W3, keep, lr, active);
    row_sum(x.n, m.h2, m.T2, m.s2);
    backward_layer<HeldTiles>(x.n, m.h2, m.d, m.T2, m.T1, m.W2, keep, lr, active);
    row_sum(x.n, m.d, m.T1, m.s1);
    backward_layer<HeldTiles>(x.n, m.d, m.d, m.T1, x.Z, m.W1z, keep, lr,
                              [](float) { return true; });
    step_user_half(m.W1u, m.u1, m.s1, m.d, keep, lr, m.sums, m.du1);
    const float db = bias_gradient(x, m.red);
    sgd(m.u1, m.du1, m.d, keep, lr);
    sgd(m.u2, m.du2, m.d, keep, lr);
    sgd(m.w, m.dw, m.h3 + m.d, keep, lr);
    sgd(m.b1, m.s1, m.d, keep, lr);
    sgd(m.b2, m.s2, m.h2, keep, lr);
    sgd(m.b3, m.s3, m.h3, keep, lr);
    if (threadIdx.x == 0) *m.b = fmaf(-lr, db, keep * *m.b);
    __syncthreads();
  }
  template <class T>
  __device__ void row_sum(int n, int cols, const T& rows, float* to) {
    const Parts m = parts();
    float* const out[1] = {to};
    column_sums<1>(n, cols, m.sums, out, [&](int i, int k, float (&s)[1]) { s[0] += rows(i)[k]; });
  }
  __device__ void store(float* theta, float* user) const {
    const Parts m = parts();
    const auto& h = shape.head;
    copy_matrix(theta + h.W1, 2 * m.d, m.W1u, m.d, m.d, m.d);
    copy_matrix(theta + h.W1 + m.d, 2 * m.d, m.W1z.data, m.W1z.stride(), m.d, m.d);
    copy_matrix(theta + h.W2, m.d, m.W2.data, m.W2.stride(), m.h2, m.d);
    copy_matrix(theta + h.W3, m.h2, m.W3.data, m.W3.stride(), m.h3, m.h2);
    copy(theta + h.b1, m.b1, m.d);
    copy(theta + h.b2, m.b2, m.h2);
    copy(theta + h.b3, m.b3, m.h3);
    copy(theta + h.last_w, m.w, m.h3 + m.d);
    copy(user, m.u1, m.d);
    copy(user + m.d, m.u2, m.d);
    if (threadIdx.x == 0) theta[h.last_b] = *m.b;
  }
};

}  // namespace
}  // namespace fedfuse::local_train
