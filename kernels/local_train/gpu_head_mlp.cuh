#pragma once
// s = w.ReLU(W_u u + W_z z + b1) + b (src/model/heads/mlp.hpp) on a device.
#include "kernels/local_train/gpu_heads.cuh"

namespace fedfuse::local_train {
namespace {

template <int HeldTiles, int D>
struct MlpGpu {
  static constexpr bool two_halves = false;  // of an item's row
  static constexpr int z_stride = known_stride<D>(D);
  static constexpr bool pairs = true, pairs_routed = false;
  using Batch = BatchView<z_stride>;
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  using Matrix = Rows<known_stride<D>(D)>;
  using Weights = Rows<known_weights<D>(D)>;
  // Offsets stand in the constant memory of the launch: pointers are made where they are used, and
  // hold no registers in between.
  struct Parts {
    float *W_u, *b1, *w, *b, *u, *base, *sum, *dw, *du, *sums;
    Weights W_z;
    Matrix H;
    double* red;
    int d;
  };
  __device__ Parts parts() const {
    Parts m;
    m.d = D > 0 ? D : shape.d;
    m.W_u = weights + p.W_a;
    m.W_z = Weights{weights + p.W_b, weight_stride(m.d)};
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
    copy_matrix(m.W_u, weight_stride(m.d), theta + h.W_u, m.d, m.d, m.d);
    copy_matrix(m.W_z.data, m.W_z.stride(), theta + h.W_z, m.d, m.d, m.d);
    copy(m.b1, theta + h.b1, m.d);
    copy(m.w, theta + h.last_w, m.d);
    copy(m.u, user, m.d);
    if (threadIdx.x == 0) *m.b = theta[h.last_b];
    __syncthreads();
  }
  __device__ void forward(const Batch& x) {
    const Parts m = parts();
    user_half(m.W_u, m.u, m.b1, m.d, m.sums, m.base);
    forward_layer(x.n, m.d, m.d, x.Z, m.W_z, m.base, m.H);
    dot_rows(
        x.n, m.d,
        [&](int i, int k, float sum) { return dot4(load4(m.w + k), load4(m.H(i) + k), sum); },
        [&](int i, float sum) { x.score[i] = sum + *m.b; });
    __syncthreads();
  }
  __device__ void backward(const Batch& x, float keep, float lr) {
    const Parts m = parts();
    float* const out[2] = {m.sum, m.dw};
    column_sums<D, 2>(x.n, m.d, m.sums, out, [&](int i, int k, float4(&s)[2]) {
      const float4 h = load4(m.H(i) + k), g = through_relu(x.delta[i], load4(m.w + k), h);
      s[0] = fma4(1.0f, g, s[0]);
      s[1] = fma4(x.delta[i], h, s[1]);
      store4(m.H(i) + k, g);
    });
    backward_layer<HeldTiles>(x.n, m.d, m.d, m.H, x.Z, m.W_z, keep, lr, [](float) { return true; });
    step_user_half<D>(m.W_u, m.u, m.sum, m.d, keep, lr, m.sums, m.du);
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
    copy_matrix(theta + h.W_u, m.d, m.W_u, weight_stride(m.d), m.d, m.d);
    copy_matrix(theta + h.W_z, m.d, m.W_z.data, m.W_z.stride(), m.d, m.d);
    copy(theta + h.b1, m.b1, m.d);
    copy(theta + h.last_w, m.w, m.d);
    copy(user, m.u, m.d);
    if (threadIdx.x == 0) theta[h.last_b] = *m.b;
  }
};

}  // namespace
}  // namespace fedfuse::local_train
