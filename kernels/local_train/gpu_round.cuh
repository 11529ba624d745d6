#pragma once
// One client's round by one block: the steps of local_train_cpu.cpp in their order.
#include "kernels/local_train/gpu_client.cuh"
#include "kernels/local_train/gpu_router.cuh"

namespace fedfuse::local_train {
namespace {

template <class Head, bool Routed, int D>
struct Round {
  const Shape& shape;
  const Rates& rates;
  const GpuPlan& plan;
  const GpuClients& g;
  Mine& m;
  Head head;
  RouterGpu<D> router;
  __device__ Round(const Shape& s, const Rates& r, const GpuPlan& p, const GpuClients& clients,
                   Mine& mine, float* shared_memory, float* weights, float* batch_memory)
      : shape(s),
        rates(r),
        plan(p),
        g(clients),
        m(mine),
        head{s, p, shared_memory, weights, batch_memory},
        router{s, p, shared_memory, weights, batch_memory},
        shared(shared_memory),
        batch(batch_memory) {}
  float *shared, *batch;

  // As the heads' parts: made where they are used.
  __device__ float* score() const { return shared + plan.score; }
  __device__ float* delta() const { return shared + plan.delta; }
  // slot | positive << 31 of each sample
  __device__ std::int32_t* slot() const {
    return reinterpret_cast<std::int32_t*>(shared + plan.slot);
  }
  // The next sample of the same slot, or slot_mask: none; | not the first << 31.
  __device__ std::int32_t* next() const {
    return reinterpret_cast<std::int32_t*>(shared + plan.next);
  }
  __device__ double* red() const { return reinterpret_cast<double*>(shared + plan.red); }
  __device__ float* temp() const { return batch + plan.H; }
  __device__ float* Z() const { return batch + plan.Z; }
  __device__ int w() const { return shape.width; }
  __device__ int stride() const { return D > 0 ? Head::z_stride : padded(shape.head.item_width); }

  __device__ const float* view_row(int j, std::int32_t item) const {
    return g.view[j] + std::int64_t(item) * w();
  }

  // The client's rows: its copy of the shared rows, or zero gradients.
  __device__ void begin() {
    const float* theta = g.theta + m.row * g.theta_stride;
    head.load(theta, g.user == nullptr ? nullptr : g.user + m.row * shape.head.user);
    if constexpr (Routed) router.load(g.router + m.row * shape.router.size);
    if (shape.rows_trained)
      each_of_rows<4, 2>(
          m.slots, w(), [&](int s, int k) { return load4(view_row(0, m.items[s]) + k); },
          [&](int s, int k, const float4& x) { store4(row(s) + k, x); });
    else
      each_of_rows<4, 1>(
          shape.views * m.slots, w(), [](int, int) { return make_float4(0.0f, 0.0f, 0.0f, 0.0f); },
          [&](int s, int k, const float4& zero) { store4(row(s) + k, zero); });
    __syncthreads();
  }

  // Step number `step` of the client: a batch of n entries.
  __device__ void step(const std::int32_t* entries, int n, int step) {
    load_batch(entries, n);
    gather(n);
    const typename Head::Batch samples{n, {Z(), stride()}, score(), delta()};
    head.forward(samples);
    losses(n);
    const float keep = 1.0f - rates.lr * rates.decay;
    head.backward(samples, keep, rates.lr);
    if (Head::two_halves && shape.head.item_width != w()) fold(n);
    if (shape.personal) personal_rows(n);
    if (shape.rows_trained) {
      decay_rows(m.rows);
      scatter(n, Z(), stride(), m.rows, -m.row_rate);
    } else {
      gradients(n, keep);
    }
    __syncthreads();
    if (threadIdx.x != 0) return;
    m.sums.all += m.sums.step;
    if (g.step_loss != nullptr)
      g.step_loss[std::int64_t(m.client) * g.step_loss_stride + step] = float(m.sums.step / n);
  }

  __device__ void load_batch(const std::int32_t* entries, int n) {
#pragma unroll 1
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) slot()[i] = entries[i];
    __syncthreads();
    const bool repeats = m.slots < m.samples;
#pragma unroll 1
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x))
      next()[i] = repeats ? neighbours(i, n) : slot_mask;
    __syncthreads();
  }
  // The next sample of the slot of sample i | an earlier one exists << 31.
  __device__ std::int32_t neighbours(int i, int n) const {
    const std::int32_t mine = slot()[i] & slot_mask;
    std::int32_t follower = slot_mask, later = 0;
#pragma unroll 4
    for (int k = 0; k < n; ++k) {
      const bool same = (slot()[k] & slot_mask) == mine;
      if (same && k < i) later = 1;
      if (same && k > i && follower == slot_mask) follower = k;
    }
    return follower | std::int32_t(unsigned(later) << 31);
  }
  __device__ int slot_of(int i) const { return slot()[i] & slot_mask; }

  // Z = sum_j mix_j F_j[i] (+ P[i]), twice where a neumf head reads both halves from one row.
  __device__ void gather(int n) {
    if constexpr (Routed)
      router.forward(n, [&](int j, int i) { return view_row(j, m.items[slot_of(i)]); });
    const auto value = [&](int i, int k) {
      const float4 c = shared_values(i, k);
      return shape.personal ? fma4(1.0f, load4(own_row(slot_of(i)) + k), c) : c;
    };
    each_of_rows<4, Routed ? 1 : 2>(n, w(), value, [&](int i, int k, const float4& z) {
      float* to = Z() + i * stride() + k;
      store4(to, z);
      if (Head::two_halves && shape.head.item_width != w()) store4(to + w(), z);
    });
    __syncthreads();
  }
  struct Pair {
    float4 shared, own;
  };
  __device__ float* row(int slot) const { return m.rows + std::int64_t(slot) * w(); }
  __device__ float* own_row(int slot) const { return m.personal + std::int64_t(slot) * w(); }
  // c_i[k] .. c_i[k + 3] of sample i
  __device__ float4 shared_values(int i, int k) const {
    if (shape.rows_trained) return load4(row(slot_of(i)) + k);
    const std::int32_t item = m.items[slot_of(i)];
    if constexpr (!Routed) return load4(view_row(0, item) + k);
    float4 c = scaled(router.mix()[0], load4(view_row(0, item) + k));
#pragma unroll 1
    for (int j = 1; j < shape.views; ++j)
      c = fma4(router.mix()[j], load4(view_row(j, item) + k), c);
    return c;
  }

  // R6: delta = (p - y + lambda (p - t)) / n. Adds the batch's losses to the client's. Sums stand
  // in shared memory: only thread 0 reads them, at the end.
  __device__ void losses(int n) {
    const Taught taught = taught_of(g, rates, m.client);
    double recommendation = 0, distillation = 0;
#pragma unroll 1
    for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) {
      float x = score()[i];
      if (taught.offset != nullptr) x += taught.offset[slot_of(i)];
      const float y = slot()[i] < 0 ? 1.0f : 0.0f;
      const auto [p, softplus] = chance_of(x);
      float gradient = p - y;
      recommendation += softplus - double(y) * double(x);
      if (taught.labels != nullptr && !(rates.soft_negatives_only && y > 0.0f)) {
        const float t = taught.labels[taught.of_slots ? slot_of(i) : m.items[slot_of(i)]];
        gradient += rates.lambda * (p - t);
        distillation += negative_entropy_of(double(t)) + softplus - double(t) * double(x);
      }
      delta()[i] = gradient / float(n);
    }
    recommendation = block_sum(recommendation, red());
    if (taught.labels != nullptr) distillation = block_sum(distillation, red());
    if (threadIdx.x != 0) return;
    m.sums.recommendation += recommendation;
    m.sums.distillation += distillation;
    m.row_rate = rates.row_rate(n);
    m.sums.step =
        recommendation + (taught.labels == nullptr ? 0.0 : double(rates.lambda)) * distillation;
  }

  __device__ void fold(int n) {
    const auto folded = [&](int i, int k) {
      const float* z = Z() + i * stride() + k;
      return fma4(1.0f, load4(z + w()), load4(z));
    };
    each_of_rows<4, 1>(n, w(), folded,
                       [&](int i, int k, const float4& z) { store4(Z() + i * stride() + k, z); });
    __syncthreads();
  }

  // FedRAP's two terms: adds them to the batch's loss, steps P, and adds their part of dL/dc to Z
  // where rows are trained. temp: dP.
  __device__ void personal_rows(int n) {
    const float pull = 2.0f * rates.rap_alpha / (float(n) * float(w())),
                shrink = rates.rap_beta / (float(n) * float(w()));
    const int apart = padded(w());
    double squares = 0, magnitudes = 0;
    const auto both = [&](int i, int k) {
      return Pair{shared_values(i, k), load4(own_row(slot_of(i)) + k)};
    };
    each_of_rows<4, 1>(n, w(), both, [&](int i, int k, const Pair& x) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float c = component(x.shared, j), difference = component(x.own, j) - c;
        squares += double(difference) * double(difference);
        magnitudes += double(fabsf(c));
        float& z = Z()[i * stride() + k + j];
        temp()[i * apart + k + j] = z - pull * difference;
        if (shape.rows_trained)
          z += pull * difference + (c > 0.0f ? shrink : c < 0.0f ? -shrink : 0.0f);
      }
    });
    squares = block_sum(squares, red());
    magnitudes = block_sum(magnitudes, red());
    if (threadIdx.x == 0)
      m.sums.step +=
          (double(rates.rap_beta) * magnitudes - double(rates.rap_alpha) * squares) / double(w());
    decay_rows(m.personal);
    scatter(n, temp(), apart, m.personal, -m.row_rate);
    __syncthreads();
  }

  __device__ void decay_rows(float* rows) {
    const float keep = 1.0f - rates.lr_items * rates.decay;
    if (keep == 1.0f) return;
    each_of_rows<4, 1>(
        m.slots, w(), [&](int s, int k) { return load4(rows + std::int64_t(s) * w() + k); },
        [&](int s, int k, const float4& x) {
          store4(rows + std::int64_t(s) * w() + k, scaled(keep, x));
        });
    __syncthreads();
  }

  // rows[slot of i] += factor * from[i], samples of one slot in their order: by the thread of the
  // first of them.
  __device__ void scatter(int n, const float* from, int apart, float* rows, float factor) {
    const auto to = [&](int i, int k) { return rows + std::int64_t(slot_of(i)) * w() + k; };
    each_of_rows<4, 1>(
        n, w(), [&](int first, int k) { return load4(to(first, k)); },
        [&](int first, int k, float4 sum) {
          if (next()[first] < 0) return;
#pragma unroll 1
          for (int i = first; i != slot_mask; i = next()[i] & slot_mask)
            sum = fma4(factor, load4(from + i * apart + k), sum);
          store4(to(first, k), sum);
        });
  }

  __device__ void gradients(int n, float keep) {
    if constexpr (!Routed) {
      scatter(n, Z(), stride(), m.rows, 1.0f);
    } else {
      const auto fold_both = [&](float* hidden, int apart) {
        if (m.slots == m.samples) return;
        fold_repeats(n, shape.d, next(), Z(), stride());
        fold_repeats(n, shape.d, next(), hidden, apart);
      };
      router.backward(
          n, Z(), stride(), rates.router_learns ? keep : 1.0f, rates.router_rate(),
          [&](int j, int i) { return view_row(j, m.items[slot_of(i)]); }, fold_both,
          [&](int j, int i, int k, const float4& gradient) {
            if (next()[i] < 0) return;  // its gradient is in the first sample's
            float* to = row(j * m.slots + slot_of(i)) + k;
            store4(to, fma4(1.0f, gradient, load4(to)));
          });
    }
  }
  // Parameters out; rows become updates C_u - rho C.
  __device__ void end(int steps) {
    const std::int64_t c = m.client, to = g.row_out[c];
    float* theta = g.theta_out + (g.theta_stride == 0 ? c : to) * shape.head.theta;
    head.store(theta, g.user_out == nullptr ? nullptr : g.user_out + to * shape.head.user);
    if constexpr (Routed) router.store(g.router_out + to * shape.router.size);
    const float rho = rho_of(rates, steps);
    if (shape.rows_trained)
      each_of_rows<4, 1>(
          m.slots, w(),
          [&](int s, int k) { return Pair{load4(view_row(0, m.items[s]) + k), load4(row(s) + k)}; },
          [&](int s, int k, const Pair& x) {
            if (g.tuned != nullptr) store4(g.tuned + (g.begin[c] + s) * w() + k, x.own);
            store4(row(s) + k, fma4(-rho, x.shared, x.own));
          });
    __syncthreads();
    double wrong = 0;
    for (int k = int(threadIdx.x); k < shape.head.theta; k += int(blockDim.x))
      wrong += isfinite(theta[k]) ? 0.0 : 1.0;
    wrong = block_sum(wrong, red());
    if (threadIdx.x != 0) return;
    for (int j = 0; j < 3; ++j)
      g.omega[3 * c + j] =
          Routed ? (j < shape.views ? router.mix()[j] : 0.0f) : (j == 0 ? 1.0f : 0.0f);
    write_outcome(g, m, m.sums, rho, wrong == 0);
  }
};

}  // namespace
}  // namespace fedfuse::local_train
