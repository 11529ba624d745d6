#pragma once
// A linear head with its rows in registers: a client whose whole epoch is one batch of at most
// `most` samples, its local round without a batch buffer (the general form is gpu_round.cuh).
//
//   for each epoch:
//     s_i = w . c_i + b (+ b_i)   p_i = sigmoid(s_i)
//     delta_i = (m_i p_i - y_i + lambda k_i (p_i - t_i)) / n
//     c_i <- keep c_i - row_rate delta_i w          or, where views stand:  dF[i] += delta_i w
//     w <- keep w - lr sum_i delta_i c_i            from the old c_i
//     b <- keep b - lr sum_i delta_i
//
// Slot i was drawn m_i times, y_i of them positive; k_i of them carry a soft label. All samples of
// a slot have one gradient, because a batch sees its row before the step; the order of an epoch's
// samples changes nothing.
//
// D / 4 lanes hold a row, 4 numbers each; a group of lanes holds Rows of them: rows group, group +
// groups, .. Lane r of a group has the loss of its row r. One barrier an epoch. Every sum has one
// order, which depends on the client alone.
#include "kernels/local_train/gpu_slots.cuh"

namespace fedfuse::local_train {
namespace {

template <class Plan, int Rows, bool RowsTrained>
struct LinearRound {
  static constexpr int D = Plan::d;
  static constexpr int whole = Rows > 8 ? 16 : Rows > 4 ? 8 : 4;  // rows of sum_by_owner
  const Shape& shape;
  const Rates& rates;
  const GpuClients& g;
  const Mine& m;
  float* shared;
  float4 held[Rows];  // c_i, or where views stand dF[i]
  float4 w;
  float b;
  __device__ LinearRound(const Shape& s, const Rates& r, const GpuClients& clients,
                         const Mine& mine)
      : shape(s), rates(r), g(clients), m(mine), shared(gpu::shared<float>()) {}

  __device__ int sub() const { return int(threadIdx.x) % Plan::lanes; }
  __device__ int group() const { return int(threadIdx.x) / Plan::lanes; }
  __device__ int slot(int r) const { return group() + Plan::groups * r; }
  __device__ bool owns() const { return sub() < Rows && slot(sub()) < m.slots; }
  __device__ SlotLoss& loss() const {
    return reinterpret_cast<SlotLoss*>(shared + Plan::losses)[slot(sub())];
  }
  // Sums over the block: add(), a barrier, total(). Three places.
  __device__ double* part(int place) const {
    return reinterpret_cast<double*>(shared + Plan::red) + place * Plan::warps;
  }
  __device__ void add(int place, double x) const {
    x = gpu::warp_sum(x);
    if (gpu::lane() == 0) part(place)[gpu::warp()] = x;
  }
  __device__ double total(int place) const {
    double sum = 0;
#pragma unroll
    for (int v = 0; v < Plan::warps; ++v) sum += part(place)[v];
    return sum;
  }
  __device__ const float* view_row(int s) const {
    return g.view[0] + std::int64_t(m.items[s]) * D + 4 * sub();
  }
  // a thread's own part of the row of slot(r), which no other thread touches
  __device__ float* stands(int r) const { return shared + Plan::rows + slot(r) * D + 4 * sub(); }
  __device__ float4 row(int r) const { return RowsTrained ? held[r] : load4(stands(r)); }

  __device__ void begin() {
    const float4 none = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      const float4 x = slot(r) < m.slots ? load4(view_row(slot(r))) : none;
      held[r] = RowsTrained ? x : none;
      if (!RowsTrained) store4(stands(r), x);
    }
    const float* theta = g.theta + m.row * g.theta_stride;
    const float* from = theta + shape.head.last_w + 4 * sub();
    w = make_float4(from[0], from[1], from[2], from[3]);
    b = theta[shape.head.last_b];
  }

  // How often each slot was drawn | of them positive << 16: exact whatever the order.
  __device__ void count_samples() const {
    auto* counts = reinterpret_cast<std::int32_t*>(shared + Plan::counts);
    for (int s = int(threadIdx.x); s < m.slots; s += Plan::threads) counts[s] = 0;
    __syncthreads();
    for (int i = int(threadIdx.x); i < m.samples; i += Plan::threads) {
      const std::int32_t entry = m.entries[i];
      atomicAdd(counts + (entry & slot_mask), std::int32_t(1 | int(entry < 0) << 16));
    }
    __syncthreads();
  }

  // f(r, delta of row r); of a row without a slot it is 0
  template <class F>
  __device__ void each_row(const float* deltas, F f) const {
#pragma unroll
    for (int first = 0; first < Rows; first += 4) {
      const float4 four = load4(deltas + first);
#pragma unroll
      for (int k = 0; k < 4; ++k) f(first + k, component(four, k));
    }
  }

  // Everything of one epoch up to the sums of the block, which stand in `to` behind the barrier.
  __device__ void step_rows(float* to) {
    float dots[whole];
#pragma unroll
    for (int r = 0; r < whole; ++r) {
      if (r >= Rows) {
        dots[r] = 0.0f;
        continue;
      }
      const float4 x = row(r);
      dots[r] = fmaf(x.x, w.x, fmaf(x.y, w.y, fmaf(x.z, w.z, x.w * w.w)));
    }
    const float score = over_lanes<Plan::lanes, whole>(sum_by_owner<whole>(dots)) + b;
    float delta = 0.0f;
    if (owns()) delta = loss().gradient(score, rates.lambda) / float(m.samples);
    float* deltas = shared + Plan::delta + group() * 16;
    if (sub() < Rows) deltas[sub()] = delta;
    __syncwarp();
    float4 dw = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    each_row(deltas, [&](int r, float d) { dw = fma4(d, row(r), dw); });
    decay_rows();
    const float factor = RowsTrained ? -rates.row_rate(m.samples) : 1.0f;
    each_row(deltas, [&](int r, float d) { held[r] = fma4(factor * d, w, held[r]); });
    if constexpr (Plan::lanes < 32) dw = over_groups<Plan::lanes>(dw);
    delta = gpu::warp_sum(delta);
    float* mine = to + gpu::warp() * (D + 4);
    if (gpu::lane() < Plan::lanes) store4(mine + 4 * sub(), dw);
    if (gpu::lane() == 0) mine[D] = delta;
  }

  __device__ void step_head(const float* sums) {
    float4 dw = load4(sums + 4 * sub());
    float db = sums[D];
#pragma unroll 1  // more at a time would spill
    for (int v = 1; v < Plan::warps; ++v) {
      dw = fma4(1.0f, load4(sums + v * (D + 4) + 4 * sub()), dw);
      db += sums[v * (D + 4) + D];
    }
    const float keep = 1.0f - rates.lr * rates.decay;
    w = fma4(-rates.lr, dw, scaled(keep, w));
    b = fmaf(-rates.lr, db, keep * b);
  }

  __device__ void decay_rows() {
    const float keep = 1.0f - rates.lr_items * rates.decay;
    if (!RowsTrained || keep == 1.0f) return;
#pragma unroll
    for (int r = 0; r < Rows; ++r) held[r] = scaled(keep, held[r]);
  }

  __device__ void write_step_loss(int step) const {
    __syncthreads();
    add(0, owns() ? loss().step : 0.0);
    __syncthreads();
    if (threadIdx.x == 0)
      g.step_loss[std::int64_t(m.client) * g.step_loss_stride + step] = float(total(0) / m.samples);
  }

  __device__ void run() {
    begin();
    count_samples();
    const auto* counts = reinterpret_cast<const std::int32_t*>(shared + Plan::counts);
    if (owns()) loss().see(g, rates, m, slot(sub()), counts[slot(sub())]);
    const int epochs = m.samples > 0 ? g.epochs : 0;
#pragma unroll 1
    for (int e = 0; e < epochs; ++e) {
      float* sums = shared + Plan::sums + e % 2 * Plan::warps * (D + 4);
      step_rows(sums);
      __syncthreads();
      step_head(sums);
      if (g.step_loss != nullptr) write_step_loss(e);
    }
    end(epochs);
  }

  // Parameters out; rows become updates C_u - rho C, or are the sums of dF.
  __device__ void end(int epochs) const {
    const float rho = rho_of(rates, epochs);
#pragma unroll
    for (int r = 0; r < Rows; ++r) {
      if (slot(r) >= m.slots) continue;
      const std::int64_t at = std::int64_t(slot(r)) * D + 4 * sub();
      if (RowsTrained && g.tuned != nullptr) store4(g.tuned + g.begin[m.client] * D + at, held[r]);
      store4(m.rows + at, RowsTrained ? fma4(-rho, load4(view_row(slot(r))), held[r]) : held[r]);
    }
    __syncthreads();
    add(0, owns() ? loss().recommendation : 0.0);
    add(1, owns() ? loss().distillation : 0.0);
    const bool finite =
        isfinite(w.x) && isfinite(w.y) && isfinite(w.z) && isfinite(w.w) && isfinite(b);
    add(2, finite ? 0.0 : 1.0);
    __syncthreads();
    const std::int64_t c = m.client, to = g.theta_stride == 0 ? c : g.row_out[c];
    float* theta = g.theta_out + to * shape.head.theta;
    if (int(threadIdx.x) < Plan::lanes)
#pragma unroll
      for (int k = 0; k < 4; ++k) theta[shape.head.last_w + 4 * sub() + k] = component(w, k);
    if (threadIdx.x != 0) return;
    theta[shape.head.last_b] = b;
    const double recommendation = total(0), distillation = total(1),
                 all = recommendation + double(rates.lambda) * distillation;
    for (int j = 0; j < 3; ++j) g.omega[3 * c + j] = j == 0 ? 1.0f : 0.0f;
    write_outcome(g, m, {recommendation, distillation, all, 0.0}, rho, total(2) == 0);
  }
};

// As many rows as the client needs: a short one has fewer.
template <class Plan, bool RowsTrained>
__global__ void __launch_bounds__(Plan::threads, Plan::blocks)
    linear_rows_kernel(const __grid_constant__ Shape shape, const __grid_constant__ Rates rates,
                       const __grid_constant__ GpuClients g) {
  // In shared memory rather than in every thread's registers.
  static_assert(sizeof(Mine) <= mine_floats * sizeof(float));
  Mine& m = *reinterpret_cast<Mine*>(gpu::shared<float>() + Plan::mine);
  if (threadIdx.x == 0) m = client_of(g, shape, g.order[blockIdx.x]);
  __syncthreads();
  const auto run = [&]<int Rows> {
    LinearRound<Plan, Rows, RowsTrained>(shape, rates, g, m).run();
  };
  if (m.slots <= 4 * Plan::groups)
    run.template operator()<4>();
  else if (m.slots <= 8 * Plan::groups || Plan::held == 8)
    run.template operator()<8>();
  else
    run.template operator()<Plan::held>();
}

}  // namespace
}  // namespace fedfuse::local_train
