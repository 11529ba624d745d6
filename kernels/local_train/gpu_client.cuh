#pragma once
// What a block knows of the client that it trains.
#include "kernels/local_train/gpu_rows.cuh"
#include "kernels/local_train/local_train_gpu.hpp"

namespace fedfuse::local_train {
namespace {

// What all threads of a block know of their client; in shared memory.
struct Sums {
  double recommendation, distillation, all;  // of the client so far
  double step;                               // of the batch: all terms
};

struct Mine {
  int client, slots, samples;
  const std::int32_t *items, *entries;
  float *rows, *personal;
  std::int64_t row;  // in theta, user, router
  Sums sums;         // thread 0 adds
  float row_rate;    // of the batch; here and not in a register of every thread
};

__device__ Mine client_of(const GpuClients& g, const Shape& shape, int c) {
  Mine m;
  m.client = c;
  m.slots = g.slots[c];
  m.samples = g.samples[c];
  const std::int64_t at = g.begin[c];
  m.items = g.items + at;
  m.entries = g.entries + at * g.epochs;
  m.rows = g.rows + at * shape.views * shape.width;
  m.personal = g.personal == nullptr ? nullptr : g.personal + at * shape.width;
  m.row = g.row[c];
  m.sums = {0.0, 0.0, 0.0, 0.0};
  m.row_rate = 0.0f;
  return m;
}

// What a client has of the server's teacher; null: nothing.
struct Taught {
  const float* offset;  // of each slot, added to its score
  const float* labels;  // soft labels, of each slot or of each item
  bool of_slots;
};
__device__ Taught taught_of(const GpuClients& g, const Rates& rates, int c) {
  Taught t{nullptr, nullptr, false};
  const float* of_slot = g.prior.logits == nullptr ? nullptr : g.prior.of_slot + g.begin[c];
  if (!g.prior.as_labels) t.offset = of_slot;
  if (rates.lambda <= 0.0f) return t;
  t.of_slots = of_slot != nullptr && g.prior.as_labels;
  if (t.of_slots)
    t.labels = of_slot;
  else if (g.preferences != nullptr && g.group[c] >= 0)
    t.labels = g.preferences + g.group[c] * g.items_total;
  return t;
}

__device__ double negative_entropy_of(double t) {
  return (t > 0 ? t * log(t) : 0.0) + (t < 1 ? (1 - t) * log1p(-t) : 0.0);
}

// Of a score x: sigmoid(x), and log(1 + exp(x)).
struct Chance {
  float p;
  double softplus;
};
__device__ inline Chance chance_of(float x) {
  const float e = expf(-fabsf(x));
  return {(x > 0.0f ? 1.0f : e) / (1.0f + e), double(fmaxf(x, 0.0f)) + double(log1pf(e))};
}

// What decay leaves of a row in so many steps.
__device__ inline float rho_of(const Rates& rates, int steps) {
  return float(pow(1.0 - double(rates.lr_items) * double(rates.decay), double(steps)));
}

// What the host reads of a client beside its parameters, but its router's weights; by one thread.
// finite: the head.
__device__ inline void write_outcome(const GpuClients& g, const Mine& m, const Sums& sums,
                                     float rho, bool finite) {
  const std::int64_t c = m.client;
  const double all = double(m.samples) * g.epochs, samples = all > 1 ? all : 1.0;
  g.outcome[3 * c] = sums.recommendation / samples;
  g.outcome[3 * c + 1] = sums.distillation / samples;
  g.outcome[3 * c + 2] = sums.all / samples;
  g.rho[c] = rho;
  g.finite[c] = finite && isfinite(sums.all) ? 1 : 0;
}

}  // namespace
}  // namespace fedfuse::local_train
