#pragma once
// local_train on a device (R8): one thread block, one client, its whole local round in one launch.
// The formula is local_train.hpp's. Weights and the batch live in shared memory; a client's rows
// are worked on where they stand in the upload buffer (L2).
#include <cstdint>

#include "core/gpu/device.hpp"
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

inline constexpr int max_views = 3;
// Threads of a block with products at d up to 64; of any block, at most.
inline constexpr int usual_threads = 256;
constexpr int most_threads(bool routed, bool all_in_shared) {
  return routed || !all_in_shared ? usual_threads : 512;
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

// Floats from one row of the batch in shared memory to the next: 8 more than a multiple of 16. Then
// 8 bytes a lane of four rows, and 16 bytes a lane of four rows side by side, meet all banks once.
constexpr int padded(int cols) {
  const int whole = (cols + 3) / 4 * 4;
  return (whole + 7) / 16 * 16 + 8;
}
// The same of a weight matrix: 4 more than a multiple of 16, for every second row.
constexpr int weight_stride(int cols) {
  const int whole = (cols + 3) / 4 * 4;
  return (whole + 11) / 16 * 16 + 4;
}

inline constexpr int mine_floats = 24;       // capacity for a block's facts of its client
inline constexpr int slot_loss_floats = 14;  // for what one slot adds to the loss

// A launch of the linear head with rows in registers (gpu_linear_rows.cuh): D / 4 lanes hold a row,
// a group of lanes up to `held` rows, the block `most` slots. Shared memory, in floats from its
// start: doubles of a sum; the client's facts; per slot how often it was drawn, its loss and its
// delta; twice per warp the sums of w and b; rows that stand.
template <int D, int Threads>
struct LinearRows {
  static constexpr int d = D, threads = Threads, lanes = D / 4, groups = threads / lanes,
                       held = lanes < 12 ? 8 : 12, most = groups * held, warps = threads / 32;
  static constexpr int blocks = D > 64 ? 1 : 512 / threads;  // a multiprocessor, by registers
  static constexpr int red = 0, mine = red + 2 * 32, counts = mine + mine_floats,
                       losses = counts + most, delta = losses + most * slot_loss_floats,
                       sums = delta + groups * 16, rows = sums + 2 * warps * (D + 4);
  static constexpr std::size_t bytes(bool rows_trained) {
    return std::size_t(rows + (rows_trained ? 0 : most * D)) * sizeof(float);
  }
};
// f(LinearRows<..>{}) for the least block that serves a launch: a linear head over one view without
// private rows, whose largest client has all its samples in one batch. Else nothing, and false.
template <class F>
bool with_linear_rows(const Shape& s, int batch, std::int64_t largest_samples, F f) {
  if (s.head.kind != HeadKind::linear || s.views != 1 || s.personal || s.width != s.d ||
      largest_samples > batch)
    return false;
  const auto serves = [&]<int D, int Threads>(LinearRows<D, Threads> plan) {
    if (s.d != D || largest_samples > plan.most) return false;
    f(plan);
    return true;
  };
  return serves(LinearRows<32, 256>{}) || serves(LinearRows<64, 128>{}) ||
         serves(LinearRows<64, 256>{}) || serves(LinearRows<128, 256>{});
}

// Where a launch keeps things, in floats from the start of the shared memory (or of a block's
// scratch).
struct GpuPlan {
  int threads = 256, blocks = 0;
  int batch = 0;  // samples that a batch buffer holds
  // a linear head whose rows stay in registers, for clients of at most so many samples; 0: not so
  std::int64_t linear_rows = 0;
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

// Its part for launches whose plan has linear_rows (linear_rows.cu).
template <class Platform>
void train_linear_rows(const Shape& shape, const Rates& rates, const GpuPlan& plan,
                       const GpuClients& clients, const gpu::Stream& stream);
template <>
void train_linear_rows<gpu::Cuda>(const Shape&, const Rates&, const GpuPlan&, const GpuClients&,
                                  const gpu::Stream&);
template <>
void train_linear_rows<gpu::Emulated>(const Shape&, const Rates&, const GpuPlan&, const GpuClients&,
                                      const gpu::Stream&);

// The same through one client in host memory: a row of the table of variants. Used by tests and
// benchmarks.
Outcome train_emulated(const Shape& shape, const Rates& rates, const Steps& steps,
                       const Client& client, Workspace& ws, std::span<float> step_loss);
Outcome train_cuda(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                   Workspace& ws, std::span<float> step_loss);

}  // namespace fedfuse::local_train
