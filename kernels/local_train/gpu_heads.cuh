#pragma once
// The heads on a device, as head_linear.hpp, head_mlp.hpp and head_neumf.hpp: load (weights into
// shared memory), forward (Z -> scores), backward (Z becomes dZ; one SGD step), store. All threads
// of the block call them together; each ends with a barrier. D > 0: the d that the compiler knows,
// with it every stride: addresses become part of the loads, and products little but multiply-adds.
#include "kernels/local_train/gpu_products.cuh"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

// The batch in hand: n samples.
template <int Known>
struct BatchView {
  int n;
  Rows<Known> Z;
  float *score, *delta;
};
template <int D>
constexpr int known_stride(int cols) {
  return D > 0 ? padded(cols) : 0;
}

// R2: base = b1 + W_u u, the user half of the first layer; d x d.
__device__ inline void user_half(const float* W_u, const float* u, const float* b1, int d,
                                 float* base) {
#pragma unroll 1
  for (int o = warp(); o < d; o += warps()) {
    const float s = warp_dot(W_u + o * d, u, d);
    if (lane() == 0) base[o] = b1[o] + s;
  }
  __syncthreads();
}
// dW_u = sum u^T and du = W_u^T sum, both from the old values; W_u takes its step.
__device__ inline void step_user_half(float* W_u, const float* u, const float* sum, int d,
                                      float keep, float lr, float* sums, float* du) {
  float* const out[1] = {du};
  column_sums<1>(d, d, sums, out, [&](int o, int k, float (&s)[1]) {
    float& v = W_u[o * d + k];
    s[0] = fmaf(sum[o], v, s[0]);
    v = fmaf(-lr * sum[o], u[k], keep * v);
  });
}

// sum of delta
template <int Known>
__device__ inline float bias_gradient(const BatchView<Known>& x, double* red) {
  double sum = 0;
#pragma unroll 1
  for (int i = int(threadIdx.x); i < x.n; i += int(blockDim.x)) sum += double(x.delta[i]);
  return float(block_sum(sum, red));
}

template <int HeldTiles, int D>
struct LinearGpu {
  static constexpr bool two_halves = false;  // of an item's row
  static constexpr int z_stride = known_stride<D>(D);
  using Batch = BatchView<z_stride>;
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  // Offsets stand in the constant memory of the launch: pointers are made where they are used, and
  // hold no registers in between.
  struct Parts {
    float *w, *b, *dw, *sums;
    double* red;
    int d;
  };
  __device__ Parts parts() const {
    Parts m;
    m.d = D > 0 ? D : shape.d;
    m.w = shared + p.small;
    m.b = m.w + m.d;
    m.dw = m.b + 4;
    m.sums = shared + p.sums;
    m.red = reinterpret_cast<double*>(shared + p.red);
    return m;
  }
  __device__ void load(const float* theta, const float*) {
    const Parts m = parts();
    copy(m.w, theta + shape.head.last_w, m.d);
    if (threadIdx.x == 0) *m.b = theta[shape.head.last_b];
    __syncthreads();
  }
  __device__ void forward(const Batch& x) {
    const Parts m = parts();
#pragma unroll 1
    for (int i = warp(); i < x.n; i += warps()) {
      const float s = warp_dot(m.w, x.Z(i), m.d);
      if (lane() == 0) x.score[i] = s + *m.b;
    }
    __syncthreads();
  }
  __device__ void backward(const Batch& x, float keep, float lr) {
    const Parts m = parts();
    float* const out[1] = {m.dw};
    column_sums<1>(x.n, m.d, m.sums, out, [&](int i, int k, float (&sum)[1]) {
      float& z = x.Z(i)[k];
      sum[0] = fmaf(x.delta[i], z, sum[0]);
      z = x.delta[i] * m.w[k];
    });
    const float db = bias_gradient(x, m.red);
    sgd(m.w, m.dw, m.d, keep, lr);
    if (threadIdx.x == 0) *m.b = fmaf(-lr, db, keep * *m.b);
    __syncthreads();
  }
  __device__ void store(float* theta, float*) const {
    const Parts m = parts();
    copy(theta + shape.head.last_w, m.w, m.d);
    if (threadIdx.x == 0) theta[shape.head.last_b] = *m.b;
  }
};

template <int HeldTiles, int D>
struct MlpGpu {
  static constexpr bool two_halves = false;  // of an item's row
  static constexpr int z_stride = known_stride<D>(D);
  using Batch = BatchView<z_stride>;
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  using Matrix = Rows<known_stride<D>(D)>;
  // Offsets stand in the constant memory of the launch: pointers are made where they are used, and
  // hold no registers in between.
  struct Parts {
    float *W_u, *b1, *w, *b, *u, *base, *sum, *dw, *du, *sums;
    Matrix W_z, H;
    double* red;
    int d;
  };
  __device__ Parts parts() const {
    Parts m;
    m.d = D > 0 ? D : shape.d;
    m.W_u = weights + p.W_a;
    m.W_z = Matrix{weights + p.W_b, padded(m.d)};
    m.b1 = shared + p.small;
    m.w = m.b1 + m.d;
    m.u = m.w + m.d;
    m.base = m.u + m.d;
    m.sum = m.base + m.d;
    m.dw = m.sum + m.d;
    m.du = m.dw + m.d;
    m.b = m.du + m.d;
    m.H = Matrix{batch + p.H, padded(m.d)};
    m.sums = shared + p.sums;
    m.red = reinterpret_cast<double*>(shared + p.red);
    return m;
  }
  __device__ void load(const float* theta, const float* user) {
    const Parts m = parts();
    const auto& h = shape.head;
    copy(m.W_u, theta + h.W_u, m.d * m.d);
    copy_matrix(m.W_z.data, m.W_z.stride(), theta + h.W_z, m.d, m.d, m.d);
    copy(m.b1, theta + h.b1, m.d);
    copy(m.w, theta + h.last_w, m.d);
    copy(m.u, user, m.d);
    if (threadIdx.x == 0) *m.b = theta[h.last_b];
    __syncthreads();
  }
  __device__ void forward(const Batch& x) {
    const Parts m = parts();
    user_half(m.W_u, m.u, m.b1, m.d, m.base);
    forward_layer(x.n, m.d, m.d, x.Z, m.W_z, m.base, m.H);
#pragma unroll 1
    for (int i = warp(); i < x.n; i += warps()) {
      const float s = warp_dot(m.w, m.H(i), m.d);
      if (lane() == 0) x.score[i] = s + *m.b;
    }
    __syncthreads();
  }
  __device__ void backward(const Batch& x, float keep, float lr) {
    const Parts m = parts();
    float* const out[2] = {m.sum, m.dw};
    column_sums<2>(x.n, m.d, m.sums, out, [&](int i, int k, float (&s)[2]) {
      float& h = m.H(i)[k];
      const float g = h > 0.0f ? x.delta[i] * m.w[k] : 0.0f;
      s[0] += g;
      s[1] = fmaf(x.delta[i], h, s[1]);
      h = g;
    });
    backward_layer<HeldTiles>(x.n, m.d, m.d, m.H, x.Z, m.W_z, keep, lr, [](float) { return true; });
    step_user_half(m.W_u, m.u, m.sum, m.d, keep, lr, m.sums, m.du);
    const float db = bias_gradient(x, m.red);
    sgd(m.u, m.du, m.d, keep, lr);
    sgd(m.w, m.dw, m.d, keep, lr);
    sgd(m.b1, m.sum, m.d, keep, lr);
    if (threadIdx.x == 0) *m.b = fmaf(-lr, db, keep * *m.b);
    __syncthreads();
  }
  __device__ void store(float* theta, float* user) const {
    const Parts m = parts();
    const auto& h = shape.head;
    copy(theta + h.W_u, m.W_u, m.d * m.d);
    copy_matrix(theta + h.W_z, m.d, m.W_z.data, m.W_z.stride(), m.d, m.d);
    copy(theta + h.b1, m.b1, m.d);
    copy(theta + h.last_w, m.w, m.d);
    copy(user, m.u, m.d);
    if (threadIdx.x == 0) theta[h.last_b] = *m.b;
  }
};

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
