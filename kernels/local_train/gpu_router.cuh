#pragma once
// The router on a device, as router.hpp. The J views of a sample are read where they stand (global
// memory, in L2 for any catalogue that fits): x_i = [F_1[i]; ..; F_J[i]] is never gathered, Phi1's
// columns come view by view.
#include "kernels/local_train/gpu_heads.cuh"

namespace fedfuse::local_train {
namespace {

template <int D>
struct RouterGpu {
  using Matrix = Rows<known_stride<D>(D)>;
  const Shape& shape;
  const GpuPlan& p;
  float *shared, *weights, *batch;

  struct Parts {  // as the heads'
    float *Phi1, *phi1, *Phi2, *phi2, *soft, *d_phi1, *d_Phi2, *sums, *mix, *d_mix;
    Matrix H;
    double* red;
    int d, J, wide;
  };
  __device__ Parts parts() const {
    Parts m;
    m.d = D > 0 ? D : shape.d;
    m.J = shape.views;
    m.wide = weight_stride(m.J * m.d);
    m.Phi1 = weights + p.router;
    m.phi1 = shared + p.router_small;
    m.Phi2 = m.phi1 + m.d;
    m.phi2 = m.Phi2 + m.J * m.d;
    m.d_phi1 = m.phi2 + 4;
    m.d_Phi2 = m.d_phi1 + m.d;
    m.mix = shared + p.mix;
    m.d_mix = m.mix + 4;
    m.soft = m.mix + 8;
    m.H = Matrix{batch + p.HR, padded(m.d)};
    m.sums = shared + p.sums;
    m.red = reinterpret_cast<double*>(shared + p.red);
    return m;
  }
  __device__ const float* mix() const { return shared + p.mix; }
  // Phi1's columns of view j: d x d
  __device__ Rows<0> columns_of(const Parts& m, int j) const { return {m.Phi1 + j * m.d, m.wide}; }
  __device__ void load(const float* router) {
    const Parts m = parts();
    const auto& r = shape.router;
    copy_matrix(m.Phi1, m.wide, router + r.Phi1, m.J * m.d, m.d, m.J * m.d);
    copy(m.phi1, router + r.phi1, m.d);
    copy(m.Phi2, router + r.Phi2, m.J * m.d);
    copy(m.phi2, router + r.phi2, m.J);
    __syncthreads();
  }
  __device__ void store(float* router) const {
    const Parts m = parts();
    const auto& r = shape.router;
    copy_matrix(router + r.Phi1, m.J * m.d, m.Phi1, m.wide, m.d, m.J * m.d);
    copy(router + r.phi1, m.phi1, m.d);
    copy(router + r.Phi2, m.Phi2, m.J * m.d);
    copy(router + r.phi2, m.phi2, m.J);
  }

  // mix[j] = mean over the batch of softmax(Phi2 ReLU(Phi1 x + phi1) + phi2)[j]. row(j, i): F_j of
  // sample i.
  template <class Row>
  __device__ void forward(int n, Row row) {
    const Parts m = parts();
#pragma unroll 1
    for (int tile = warp(); tile < tiles(n, m.d); tile += warps()) {
      TileSums total;
#pragma unroll 1
      for (int j = 0; j < m.J; ++j) {
        const auto sample = [&](int i) { return row(j, i); };
        product_nt(n, m.d, m.d, tile, sample, columns_of(m, j), total, j > 0);
      }
      each_nt(total, tile, n, m.d,
              [&](int i, int k, const float4& sum) { store_relu(m.H(i) + k, sum, m.phi1 + k); });
    }
    __syncthreads();
#pragma unroll 1
    for (int j = 0; j < m.J; ++j)
      dot_rows(
          n, m.d,
          [&](int i, int k, float sum) {
            return dot4(load4(m.Phi2 + j * m.d + k), load4(m.H(i) + k), sum);
          },
          [&](int i, float sum) { m.soft[i * m.J + j] = sum + m.phi2[j]; });
    __syncthreads();
#pragma unroll 1
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) {
      float share[max_views], top = -1e30f, sum = 0;
#pragma unroll
      for (int j = 0; j < max_views; ++j) {
        share[j] = j < m.J ? m.soft[i * m.J + j] : -1e30f;
        top = fmaxf(top, share[j]);
      }
#pragma unroll
      for (int j = 0; j < max_views; ++j) {
        share[j] = j < m.J ? expf(share[j] - top) : 0.0f;
        sum += share[j];
      }
#pragma unroll
      for (int j = 0; j < max_views; ++j)
        if (j < m.J) m.soft[i * m.J + j] = share[j] / sum;
    }
    __syncthreads();
    mean_over_batch(n, m.mix);
  }
  // to[j] = mean of soft[., j]
  __device__ void mean_over_batch(int n, float* to) {
    const Parts m = parts();
#pragma unroll 1
    for (int j = 0; j < m.J; ++j) {
      double sum = 0;
#pragma unroll 1
      for (int i = int(threadIdx.x); i < n; i += int(blockDim.x))
        sum += double(m.soft[i * m.J + j]);
      sum = block_sum(sum, m.red);
      if (threadIdx.x == 0) to[j] = float(sum / n);
    }
    __syncthreads();
  }

  // dC: n x d (rows C_stride apart). Gives every dF_j[i] = mix_j dC_i + (the router's part) to
  // put(j, i, k, four of it from k on), then steps. fold(rows) adds the rows of the samples of one
  // item to the first of them, and clears the others: of dC, and of the hidden layer's gradient.
  template <class Row, class Fold, class Put>
  __device__ void backward(int n, const float* dC, int C_stride, float keep, float lr, Row row,
                           Fold fold, Put put) {
    const Parts m = parts();
#pragma unroll 1
    for (int j = 0; j < m.J; ++j) {  // dL/dmix_j = sum_i dC_i . F_j[i]
      float mine = 0;
      each_of_rows<4, 2>(
          n, m.d, [&](int i, int k) { return load4(row(j, i) + k); },
          [&](int i, int k, const float4& x) {
            mine = dot4(load4(dC + i * C_stride + k), x, mine);
          });
      const double sum = block_sum(double(mine), m.red);
      if (threadIdx.x == 0) m.d_mix[j] = float(sum);
    }
    __syncthreads();
    softmax_backward(n);
    hidden_backward(n);
    fold(m.H.data, m.H.stride());
    __syncthreads();
#pragma unroll 1
    for (int j = 0; j < m.J; ++j)
#pragma unroll 1
      for (int tile = warp(); tile < tiles(n, m.d); tile += warps()) {
        TileSums t;
        product_nn(n, m.d, m.d, tile, m.H, columns_of(m, j), t);
        each_nn(t, tile, n, m.d, [&](int i, int k, const float4& x) {
          put(j, i, k, fma4(m.mix[j], load4(dC + i * C_stride + k), x));
        });
      }
    __syncthreads();
    step(n, keep, lr, row);
  }

 private:
  // soft becomes e_ij = p_ij (dmix_j - sum_h p_ih dmix_h) / n.
  __device__ void softmax_backward(int n) {
    const Parts m = parts();
#pragma unroll 1
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) {
      float mean = 0;
#pragma unroll 1
      for (int j = 0; j < m.J; ++j) mean = fmaf(m.soft[i * m.J + j], m.d_mix[j], mean);
#pragma unroll 1
      for (int j = 0; j < m.J; ++j) m.soft[i * m.J + j] *= (m.d_mix[j] - mean) / float(n);
    }
    __syncthreads();
  }
  // H becomes dH; d_phi1, d_Phi2: their gradients.
  __device__ void hidden_backward(int n) {
    const Parts m = parts();
#pragma unroll 1
    for (int j = 0; j < m.J; ++j) {
      float* const out[1] = {m.d_Phi2 + j * m.d};
      column_sums<D, 1>(n, m.d, m.sums, out, [&](int i, int k, float4(&s)[1]) {
        s[0] = fma4(m.soft[i * m.J + j], load4(m.H(i) + k), s[0]);
      });
    }
    float* const out[1] = {m.d_phi1};
    column_sums<D, 1>(n, m.d, m.sums, out, [&](int i, int k, float4(&s)[1]) {
      float4 g = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 1
      for (int j = 0; j < m.J; ++j) g = fma4(m.soft[i * m.J + j], load4(m.Phi2 + j * m.d + k), g);
      g = through_relu(1.0f, g, load4(m.H(i) + k));
      s[0] = fma4(1.0f, g, s[0]);
      store4(m.H(i) + k, g);
    });
  }
  template <class Row>
  __device__ void step(int n, float keep, float lr, Row row) {
    const Parts m = parts();
#pragma unroll 1
    for (int j = 0; j < m.J; ++j)
#pragma unroll 1
      for (int tile = warp(); tile < tiles(m.d, m.d); tile += warps()) {
        TileSums t;
        product_tn(m.d, m.d, n, tile, m.H, [&](int i) { return row(j, i); }, t);
        each_tn(t, tile, m.d, m.d, [&](int o, int k, const float4& gradient) {
          step4(m.Phi1 + o * m.wide + j * m.d + k, keep, lr, gradient);
        });
      }
#pragma unroll 1
    for (int j = 0; j < m.J; ++j) {
      double sum = 0;
#pragma unroll 1
      for (int i = int(threadIdx.x); i < n; i += int(blockDim.x))
        sum += double(m.soft[i * m.J + j]);
      sum = block_sum(sum, m.red);
      if (threadIdx.x == 0) m.phi2[j] = fmaf(-lr, float(sum), keep * m.phi2[j]);
    }
    __syncthreads();
    sgd(m.phi1, m.d_phi1, m.d, keep, lr);
    sgd(m.Phi2, m.d_Phi2, m.J * m.d, keep, lr);
    __syncthreads();
  }
};

}  // namespace
}  // namespace fedfuse::local_train
