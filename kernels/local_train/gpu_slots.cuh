#pragma once
// The loss of a slot, for the lane of gpu_linear_rows.cuh that owns it.
#include "kernels/local_train/gpu_client.cuh"
#include "kernels/local_train/gpu_sums.cuh"

namespace fedfuse::local_train {
namespace {

// The samples of one slot, in shared memory: the lane that owns the slot reads and writes it.
struct SlotLoss {
  double recommendation, distillation;           // sums over the epochs so far
  double step;                                   // all that the slot added to the last epoch
  double entropy;                                // of t, negative
  float drawn, positive, taught, label, offset;  // m, y, k, t, b

  __device__ void see(const GpuClients& g, const Rates& rates, const Mine& m, int slot,
                      std::int32_t counted) {
    const Taught of = taught_of(g, rates, m.client);
    recommendation = distillation = entropy = 0.0;
    drawn = float(counted & 0xffff);
    positive = float(counted >> 16);
    offset = of.offset == nullptr ? 0.0f : of.offset[slot];
    taught = label = 0.0f;
    if (of.labels == nullptr) return;
    taught = rates.soft_negatives_only ? drawn - positive : drawn;
    label = of.labels[of.of_slots ? slot : m.items[slot]];
    entropy = negative_entropy_of(double(label));
  }
  // n delta of the slot; adds its losses.
  __device__ float gradient(float score, float lambda) {
    const float x = score + offset;
    const auto [p, softplus] = chance_of(x);
    const double bce = double(drawn) * softplus - double(positive) * double(x);
    recommendation += bce;
    step = bce;
    float sum = fmaf(drawn, p, -positive);
    if (taught > 0.0f) {
      sum = fmaf(lambda * taught, p - label, sum);
      const double kl = double(taught) * (entropy + softplus - double(label) * double(x));
      distillation += kl;
      step = bce + double(lambda) * kl;
    }
    return sum;
  }
};
static_assert(sizeof(SlotLoss) == slot_loss_floats * sizeof(float));

}  // namespace
}  // namespace fedfuse::local_train
