#pragma once
// s = w.z + b (src/model/heads/linear.hpp) on a device.
#include "kernels/local_train/gpu_heads.cuh"

namespace fedfuse::local_train {
namespace {

template <int HeldTiles, int D>
struct LinearGpu {
  static constexpr bool two_halves = false;  // of an item's row
  static constexpr int z_stride = known_stride<D>(D);
  static constexpr bool pairs = true, pairs_routed = true;
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
    dot_rows(
        x.n, m.d,
        [&](int i, int k, float sum) { return dot4(load4(m.w + k), load4(x.Z(i) + k), sum); },
        [&](int i, float sum) { x.score[i] = sum + *m.b; });
    __syncthreads();
  }
  __device__ void backward(const Batch& x, float keep, float lr) {
    const Parts m = parts();
    float* const out[1] = {m.dw};
    column_sums<D, 1>(x.n, m.d, m.sums, out, [&](int i, int k, float4(&sum)[1]) {
      float* z = x.Z(i) + k;
      sum[0] = fma4(x.delta[i], load4(z), sum[0]);
      store4(z, scaled(x.delta[i], load4(m.w + k)));
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

}  // namespace
}  // namespace fedfuse::local_train
