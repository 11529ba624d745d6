#pragma once
// local_train on a device (R8): one thread block, one client, its whole local round in one launch.
// The formula is local_train.hpp's. Weights and the batch live in shared memory; a client's rows
// are worked on where they stand in the upload buffer (L2).
#include <cstdint>

#include "core/gpu/device.hpp"
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

inline constexpr int max_views = 3;
// Threads of a block, at most: a router's weights fill an SM's shared memory, so its one block has
// fewer threads with more registers each.
constexpr int most_threads(bool routed, bool all_in_shared) {
  return !all_in_shared ? 256 : routed ? 384 : 512;
}
// Tiles of 32 x 32 of a weight gradient that a warp holds: d = 128 has 16. Whatever stands in
// shared memory has a warp for each.
constexpr int held_tiles(bool all_in_shared) {
  return all_in_shared ? 1 : 16 * 32 / most_threads(true, false);
}

// The group prior of a launch, offset_c[i] = sum over l < G of a_cl L_l[i]; null logits: none.
struct GpuPrior {
  const float* logits = nullptr;  // L: M x groups
  const float* shares = nullptr;  // a: of client c in row c, groups each
  int groups = 0;                 // G
  bool as_labels = false;         // sigmoid(offset) is the soft label; else the score has it more
  float* of_slot = nullptr;       // at begin[c], out: the offsets, or the labels, of client c
};

// The clients of one launch; every pointer is into the device. Client c (0-based in its chunk) owns
// entries [begin[c], begin[c + 1]) of the arrays that have one element a possible sample of an
// epoch.
struct GpuClients {
  int count = 0;
  const std::int32_t* order = nullptr;  // count: which clients, heaviest first
  // samples (kernels/sample)
  const std::int64_t* begin = nullptr;
  const std::int32_t* samples = nullptr;  // of an epoch; at most begin[c + 1] - begin[c]
  const std::int32_t* slots = nullptr;
  const std::int32_t* items = nullptr;  // at begin[c]: of each slot
  // at epochs * begin[c]: epoch after epoch, slot | positive << 31
  const std::int32_t* entries = nullptr;
  int epochs = 1, batch = 256;
  // parameters before and after: of client c in row row[c], and row_out[c], of size each.
  // theta_stride 0: all start from one shared head, and what client c made of it is row c
  const float *theta = nullptr, *user = nullptr, *router = nullptr;
  std::int64_t theta_stride = 0;
  const std::int32_t *row = nullptr, *row_out = nullptr;
  float *theta_out = nullptr, *user_out = nullptr, *router_out = nullptr;
  const float* view[max_views] = {};  // M x width
  // at views * begin[c] * width; out: rows trained: C_u - rho C, else the view gradients
  float* rows = nullptr;
  float* personal = nullptr;  // at begin[c] * width, in and out; null without
  // at begin[c] * width, out: the rows as trained (PFedRec); null: not wanted
  float* tuned = nullptr;
  const float* preferences = nullptr;   // G x M soft labels
  const std::int32_t* group = nullptr;  // of client c
  std::int64_t items_total = 0;         // M
  GpuPrior prior;
  // out, one a client
  double* outcome = nullptr;  // 3: loss_recommendation, loss_distillation, loss
  float* omega = nullptr;     // 3
  float* rho = nullptr;
  std::int32_t* finite = nullptr;
  float* step_loss = nullptr;  // at c * step_loss_stride, or null
  int step_loss_stride = 0;
  // plan
  float* scratch = nullptr;  // blocks * plan.scratch_floats
};

// Floats from one row of a matrix in shared memory to the next: a multiple of 4, not of 8, so that
// eight rows meet eight banks.
constexpr int padded(int cols) {
  const int whole = (cols + 3) / 4 * 4;
  return whole % 8 == 0 ? whole + 4 : whole;
}

inline constexpr int mine_floats = 24;  // capacity for a block's facts of its client

// Where a launch keeps things, in floats from the start of the shared memory (or of a block's
// scratch).
struct GpuPlan {
  int threads = 256, blocks = 0;
  int batch = 0;  // samples that a batch buffer holds
  // else in the block's scratch: large d, many views, large batches
  bool weights_in_shared = true, batch_in_shared = true;
  [[nodiscard]] bool all_in_shared() const { return weights_in_shared && batch_in_shared; }
  std::int64_t scratch_floats = 0;
  std::size_t shared_bytes = 0;
  // weight matrices
  int W_a = 0, W_b = 0, W2 = 0, W3 = 0, router = 0;
  // vectors of parameters and their gradients
  int small = 0, router_small = 0;
  // of a batch: one number a sample; sums: column sums
  int score = 0, delta = 0, slot = 0, next = 0, mix = 0, sums = 0, red = 0, mine = 0;
  // batch buffers
  int Z = 0, H = 0, T2 = 0, T3 = 0, HR = 0;
};
// Whether a head has a body for devices.
[[nodiscard]] bool trains_on_device(HeadKind kind);
// Whether the kernels serve a latent width: they move 16 bytes at a time and hold d x d weights in
// shared memory.
[[nodiscard]] bool width_on_device(std::int64_t d);
// largest_samples: of an epoch, of any client of the launch. shared_limit: bytes of a block.
// InputError: the shape does not fit, or its head has no body for a device.
[[nodiscard]] GpuPlan gpu_plan(const Shape& shape, int batch, std::int64_t largest_samples,
                               std::size_t shared_limit);

// Asynchronous on the stream.
template <class Platform>
void train_clients(const Shape& shape, const Rates& rates, const GpuPlan& plan,
                   const GpuClients& clients, const gpu::Stream& stream);
template <>
void train_clients<gpu::Cuda>(const Shape&, const Rates&, const GpuPlan&, const GpuClients&,
                              const gpu::Stream&);
template <>
void train_clients<gpu::Emulated>(const Shape&, const Rates&, const GpuPlan&, const GpuClients&,
                                  const gpu::Stream&);

// The same through one client in host memory: a row of the table of variants. Used by tests and
// benchmarks.
Outcome train_emulated(const Shape& shape, const Rates& rates, const Steps& steps,
                       const Client& client, Workspace& ws, std::span<float> step_loss);
Outcome train_cuda(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                   Workspace& ws, std::span<float> step_loss);

}  // namespace fedfuse::local_train
