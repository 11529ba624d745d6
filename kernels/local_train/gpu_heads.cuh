#pragma once
// The heads on a device, as head_linear.hpp, head_mlp.hpp and head_neumf.hpp: load (weights into shared memory), forward (Z -> scores),
// backward (Z becomes dZ; one SGD step), store. All threads of the block call them together; each ends with a barrier.
#include "kernels/local_train/gpu_block.cuh"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

// The batch in hand: n samples, rows of Z `stride` floats apart.
struct BatchView {
  int n, stride;
  float *Z, *score, *delta;
};

// R2: base = b1 + W_u u, the user half of the first layer; d x d.
__device__ inline void user_half(const float* W_u, const float* u, const float* b1, int d, float* base) {
#pragma unroll 1
  for (int o = warp(); o < d; o += warps()) {
    const float s = warp_dot(W_u + o * d, u, d);
    if (lane() == 0) base[o] = b1[o] + s;
  }
  __syncthreads();
}
// dW_u = sum u^T and du = W_u^T sum, both from the old values; W_u takes its step.
__device__ inline void step_user_half(float* W_u, const float* u, const float* sum, int d, float keep, float lr, float* sums, float* du) {
  float* const out[1] = {du};
  column_sums<1>(d, d, sums, out, [&](int o, int k, float(&s)[1]) {
    float& v = W_u[o * d + k];
    s[0] = fmaf(sum[o], v, s[0]);
    v = fmaf(-lr * sum[o], u[k], keep * v);
  });
}

// sum of delta
__device__ inline float bias_gradient(const BatchView& x, double* red) {
  double sum = 0;
#pragma unroll 1
  for (int i = int(threadIdx.x); i < x.n; i += int(blockDim.x)) sum += double(x.delta[i]);
  return float(block_sum(sum, red));
}

template <int HeldTiles>
struct LinearGpu {
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  // Offsets stand in the constant memory of the launch: pointers are made where they are used, and hold no registers in between.
  struct Parts {
    float *w, *b, *dw, *sums;
    double* red;
    int d;
  };
  __device__ Parts parts() const {
    Parts m;
    m.d = shape.d;
    m.w = shared + p.small, m.b = m.w + m.d, m.dw = m.b + 4, m.sums = shared + p.sums, m.red = reinterpret_cast<double*>(shared + p.red);
    return m;
  }
  __device__ void load(const float* theta, const float*) {
    const Parts m = parts();
    copy(m.w, theta + shape.head.last_w, m.d);
    if (threadIdx.x == 0) *m.b = theta[shape.head.last_b];
    __syncthreads();
  }
  __device__ void forward(const BatchView& x) {
    const Parts m = parts();
#pragma unroll 1
    for (int i = warp(); i < x.n; i += warps()) {
      const float s = warp_dot(m.w, x.Z + i * x.stride, m.d);
      if (lane() == 0) x.score[i] = s + *m.b;
    }
    __syncthreads();
  }
  __device__ void backward(const BatchView& x, float keep, float lr) {
    const Parts m = parts();
    float* const out[1] = {m.dw};
    column_sums<1>(x.n, m.d, m.sums, out, [&](int i, int k, float(&sum)[1]) {
      float& z = x.Z[i * x.stride + k];
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

template <int HeldTiles>
struct MlpGpu {
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  // Offsets stand in the constant memory of the launch: pointers are made where they are used, and hold no registers in between.
  struct Parts {
    float *W_u, *W_z, *b1, *w, *b, *u, *base, *sum, *dw, *du, *H, *sums;
    double* red;
    int d, stride;
  };
  __device__ Parts parts() const {
    Parts m;
    m.d = shape.d, m.stride = padded(m.d);
    m.W_u = weights + p.W_a, m.W_z = weights + p.W_b, m.b1 = shared + p.small;
    m.w = m.b1 + m.d, m.u = m.w + m.d, m.base = m.u + m.d, m.sum = m.base + m.d, m.dw = m.sum + m.d, m.du = m.dw + m.d, m.b = m.du + m.d;
    m.H = batch + p.H, m.sums = shared + p.sums, m.red = reinterpret_cast<double*>(shared + p.red);
    return m;
  }
  __device__ void load(const float* theta, const float* user) {
    const Parts m = parts();
    const auto& h = shape.head;
    copy(m.W_u, theta + h.W_u, m.d * m.d);
    copy_matrix(m.W_z, m.stride, theta + h.W_z, m.d, m.d, m.d);
    copy(m.b1, theta + h.b1, m.d), copy(m.w, theta + h.last_w, m.d), copy(m.u, user, m.d);
    if (threadIdx.x == 0) *m.b = theta[h.last_b];
    __syncthreads();
  }
  __device__ void forward(const BatchView& x) {
    const Parts m = parts();
    user_half(m.W_u, m.u, m.b1, m.d, m.base);
    forward_layer(x.n, m.d, m.d, Rows{x.Z, x.stride}, m.W_z, m.stride, m.base, m.H, m.stride);
#pragma unroll 1
    for (int i = warp(); i < x.n; i += warps()) {
      const float s = warp_dot(m.w, m.H + i * m.stride, m.d);
      if (lane() == 0) x.score[i] = s + *m.b;
    }
    __syncthreads();
  }
  __device__ void backward(const BatchView& x, float keep, float lr) {
    const Parts m = parts();
    float* const out[2] = {m.sum, m.dw};
    column_sums<2>(x.n, m.d, m.sums, out, [&](int i, int k, float(&s)[2]) {
      float& h = m.H[i * m.stride + k];
      const float g = h > 0.0f ? x.delta[i] * m.w[k] : 0.0f;
      s[0] += g;
      s[1] = fmaf(x.delta[i], h, s[1]);
      h = g;
    });
    backward_layer<HeldTiles>(x.n, m.d, m.d, m.H, m.stride, x.Z, x.stride, m.W_z, m.stride, keep, lr, [](float) { return true; });
    step_user_half(m.W_u, m.u, m.sum, m.d, keep, lr, m.sums, m.du);
    const float db = bias_gradient(x, m.red);
    sgd(m.u, m.du, m.d, keep, lr), sgd(m.w, m.dw, m.d, keep, lr), sgd(m.b1, m.sum, m.d, keep, lr);
    if (threadIdx.x == 0) *m.b = fmaf(-lr, db, keep * *m.b);
    __syncthreads();
  }
  __device__ void store(float* theta, float* user) const {
    const Parts m = parts();
    const auto& h = shape.head;
    copy(theta + h.W_u, m.W_u, m.d * m.d);
    copy_matrix(theta + h.W_z, m.d, m.W_z, m.stride, m.d, m.d);
    copy(theta + h.b1, m.b1, m.d), copy(theta + h.last_w, m.w, m.d), copy(user, m.u, m.d);
    if (threadIdx.x == 0) theta[h.last_b] = *m.b;
  }
};

template <int HeldTiles>
struct NeumfGpu {
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  // Offsets stand in the constant memory of the launch: pointers are made where they are used, and hold no registers in between.
  struct Parts {
    float *W1u, *W1z, *W2, *W3, *b1, *b2, *b3, *w, *b, *u1, *u2, *base, *s1, *s2, *s3, *dw, *du1, *du2, *T1, *T2, *T3, *sums;
    double* red;
    int d, h2, h3, p1, p2, p3;  // p: rows of T1, T2, T3 apart
  };
  __device__ Parts parts() const {
    Parts m;
    m.d = shape.d, m.h2 = m.d / 2, m.h3 = m.d / 4, m.p1 = padded(m.d), m.p2 = padded(m.h2), m.p3 = padded(m.h3);
    m.W1u = weights + p.W_a, m.W1z = weights + p.W_b, m.W2 = weights + p.W2, m.W3 = weights + p.W3;
    float* at = shared + p.small;
    float** const each[] = {&m.b1, &m.b2, &m.b3, &m.u1, &m.u2, &m.base, &m.s1, &m.s2, &m.s3, &m.du1, &m.du2};
    for (auto* part : each) *part = at, at += m.d;
    m.w = at, m.dw = m.w + 2 * m.d, m.b = m.dw + 2 * m.d;
    m.T1 = batch + p.H, m.T2 = batch + p.T2, m.T3 = batch + p.T3, m.sums = shared + p.sums, m.red = reinterpret_cast<double*>(shared + p.red);
    return m;
  }
  __device__ void load(const float* theta, const float* user) {
    const Parts m = parts();
    const auto& h = shape.head;
    copy_matrix(m.W1u, m.d, theta + h.W1, 2 * m.d, m.d, m.d);
    copy_matrix(m.W1z, m.p1, theta + h.W1 + m.d, 2 * m.d, m.d, m.d);
    copy_matrix(m.W2, m.p1, theta + h.W2, m.d, m.h2, m.d);
    copy_matrix(m.W3, m.p2, theta + h.W3, m.h2, m.h3, m.h2);
    copy(m.b1, theta + h.b1, m.d), copy(m.b2, theta + h.b2, m.h2), copy(m.b3, theta + h.b3, m.h3);
    copy(m.w, theta + h.last_w, m.h3 + m.d), copy(m.u1, user, m.d), copy(m.u2, user + m.d, m.d);
    if (threadIdx.x == 0) *m.b = theta[h.last_b];
    __syncthreads();
  }
  __device__ void forward(const BatchView& x) {
    const Parts m = parts();
    user_half(m.W1u, m.u1, m.b1, m.d, m.base);
    forward_layer(x.n, m.d, m.d, Rows{x.Z, x.stride}, m.W1z, m.p1, m.base, m.T1, m.p1);
    forward_layer(x.n, m.h2, m.d, Rows{m.T1, m.p1}, m.W2, m.p1, m.b2, m.T2, m.p2);
    forward_layer(x.n, m.h3, m.h2, Rows{m.T2, m.p2}, m.W3, m.p2, m.b3, m.T3, m.p3);
#pragma unroll 1
    for (int i = warp(); i < x.n; i += warps()) {
      const float* z2 = x.Z + i * x.stride + m.d;
      float s = 0;
      for (int k = lane(); k < m.h3; k += 32) s = fmaf(m.w[k], m.T3[i * m.p3 + k], s);
      for (int k = lane(); k < m.d; k += 32) s = fmaf(m.w[m.h3 + k] * m.u2[k], z2[k], s);
      s = warp_sum(s);
      if (lane() == 0) x.score[i] = s + *m.b;
    }
    __syncthreads();
  }
  __device__ void backward(const BatchView& x, float keep, float lr) {
    const Parts m = parts();
    float* const last[2] = {m.s3, m.dw};
    column_sums<2>(x.n, m.h3, m.sums, last, [&](int i, int k, float(&s)[2]) {
      float& t = m.T3[i * m.p3 + k];
      const float g = t > 0.0f ? x.delta[i] * m.w[k] : 0.0f;
      s[0] += g;
      s[1] = fmaf(x.delta[i], t, s[1]);
      t = g;
    });
    float* const gmf[2] = {m.dw + m.h3, m.du2};
    const float* wg = m.w + m.h3;
    column_sums<2>(x.n, m.d, m.sums, gmf, [&](int i, int k, float(&s)[2]) {
      float& z = x.Z[i * x.stride + m.d + k];
      const float e = x.delta[i];
      s[0] = fmaf(e * m.u2[k], z, s[0]);
      s[1] = fmaf(e * wg[k], z, s[1]);
      z = e * wg[k] * m.u2[k];
    });
    const auto active = [](float t) { return t > 0.0f; };
    backward_layer<HeldTiles>(x.n, m.h3, m.h2, m.T3, m.p3, m.T2, m.p2, m.W3, m.p2, keep, lr, active);
    row_sum(x.n, m.h2, m.T2, m.p2, m.s2);
    backward_layer<HeldTiles>(x.n, m.h2, m.d, m.T2, m.p2, m.T1, m.p1, m.W2, m.p1, keep, lr, active);
    row_sum(x.n, m.d, m.T1, m.p1, m.s1);
    backward_layer<HeldTiles>(x.n, m.d, m.d, m.T1, m.p1, x.Z, x.stride, m.W1z, m.p1, keep, lr, [](float) { return true; });
    step_user_half(m.W1u, m.u1, m.s1, m.d, keep, lr, m.sums, m.du1);
    const float db = bias_gradient(x, m.red);
    sgd(m.u1, m.du1, m.d, keep, lr), sgd(m.u2, m.du2, m.d, keep, lr), sgd(m.w, m.dw, m.h3 + m.d, keep, lr);
    sgd(m.b1, m.s1, m.d, keep, lr), sgd(m.b2, m.s2, m.h2, keep, lr), sgd(m.b3, m.s3, m.h3, keep, lr);
    if (threadIdx.x == 0) *m.b = fmaf(-lr, db, keep * *m.b);
    __syncthreads();
  }
  __device__ void row_sum(int n, int cols, const float* T, int stride, float* to) {
    const Parts m = parts();
    float* const out[1] = {to};
    column_sums<1>(n, cols, m.sums, out, [&](int i, int k, float(&s)[1]) { s[0] += T[i * stride + k]; });
  }
  __device__ void store(float* theta, float* user) const {
    const Parts m = parts();
    const auto& h = shape.head;
    copy_matrix(theta + h.W1, 2 * m.d, m.W1u, m.d, m.d, m.d);
    copy_matrix(theta + h.W1 + m.d, 2 * m.d, m.W1z, m.p1, m.d, m.d);
    copy_matrix(theta + h.W2, m.d, m.W2, m.p1, m.h2, m.d);
    copy_matrix(theta + h.W3, m.h2, m.W3, m.p2, m.h3, m.h2);
    copy(theta + h.b1, m.b1, m.d), copy(theta + h.b2, m.b2, m.h2), copy(theta + h.b3, m.b3, m.h3);
    copy(theta + h.last_w, m.w, m.h3 + m.d), copy(user, m.u1, m.d), copy(user + m.d, m.u2, m.d);
    if (threadIdx.x == 0) theta[h.last_b] = *m.b;
  }
};

}  // namespace
}  // namespace fedfuse::local_train
