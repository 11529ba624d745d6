#pragma once
// The training step on a device: the formula of teacher.hpp in four phases. Float throughout.
//
//   encode   x of every slot (tiles of 16 x 16, the sum over features split over the warps of half
//            a block); a_l: a block a group
//   hidden   a block some slots and their pairs: c, h, Q, loss, q, g, dc, dx: every product a walk
//            through a weight matrix by whole rows
//   gradient  dW2, d[W_t W_v], dA_t, dA_v: tiles of 32 x 32, the batch split over the warps; the
//            biases; they move at once (Adam or SGD). da_l, du_l: a block a group
//   apply   the groups' half: gradients of rank G, formed where they are used; de_l
//
// All steps of an epoch are one kernel with a block a multiprocessor (Way::together): between the
// phases its blocks wait for each other, and gradient and apply are one phase, in which only apply
// waits for the groups. Or a phase is a kernel, and many steps are a CUDA graph (Way::steps), for
// comparison. Both have the same bits. Every sum has one order that depends on the sizes alone: the
// same bits whatever the schedule.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/gpu/device.hpp"
#include "core/gpu/graph.hpp"
#include "kernels/dense/adam.hpp"
#include "kernels/group_targets/group_targets.hpp"
#include "kernels/teacher/teacher.hpp"

namespace fedfuse::teacher {

inline constexpr int encode_tile = 16, encode_depth = 256;
// rows: of the batch at once, in hidden
inline constexpr int block_threads = 512, block_rows = 8;
inline constexpr int gradient_tile = 32, tile_pitch = gradient_tile + 4;

// The parameters on the device, in floats: rows of whole 16 bytes, zeros behind; W1 in its parts,
// W_tv = [W_t W_v].
struct GpuLayout {
  int d = 0, d_group = 0, d_text = 0, d_image = 0, groups = 0;  // widths rounded up
  int e = 0, A_g = 0, a_g = 0, A_t = 0, A_v = 0, a_tv = 0, W_g = 0, W_tv = 0, b1 = 0, W2 = 0,
      b2 = 0, size = 0;
};
[[nodiscard]] GpuLayout gpu_layout(const Shape& shape);

struct GpuState {
  std::int32_t batch = 0;  // of the epoch: the next one
  std::int64_t steps = 0;  // Adam's t: steps taken
  double squares = 0;      // of all errors of the epoch, over d
  AdamFactors factors{};   // of the step at hand
  // blocks at the barrier and groups with gradients, since the kernel began (Way::together)
  unsigned arrived = 0, groups_done = 0;
};

enum class Rule : int { gradient, sgd, adam };  // gradient: apply stores it and moves nothing

// Every pointer is into the device.
struct GpuNet {
  GpuLayout at;
  int groups = 0, slots = 0, pairs_a_slot = 1;  // slots: of a batch, at most
  bool by_items = true;
  bool staged = false;  // weights of hidden pass through shared memory
  Rule rule = Rule::adam;
  float lr = 0;
  std::int64_t items = 0, count = 0;                                  // count: of the order
  const float *text = nullptr, *image = nullptr, *targets = nullptr;  // targets: groups x items x d
  const std::uint8_t *has_text = nullptr, *has_image = nullptr;
  const std::int32_t* order = nullptr;
  float *values = nullptr, *m = nullptr, *v = nullptr, *gradient = nullptr;  // at.size each
  // transposed, kept beside the others
  float *W_tv_t = nullptr, *W2_t = nullptr;
  // Of the batch at hand: encoded features [x_t x_v], dc, dx: slots x 2d; h, g: pairs x 2d; q:
  // pairs x d
  float *x = nullptr, *dc = nullptr, *dx = nullptr, *h = nullptr, *g = nullptr, *q = nullptr;
  // Of the groups: A_g e + a_g and its gradient, G x d; a and its gradient, G x 2d; e before the
  // step
  float *u = nullptr, *du = nullptr, *a = nullptr, *da = nullptr, *e_old = nullptr;
  std::int32_t* row = nullptr;  // 2 x slots: the item whose features a slot reads; -1: it has none
  double* squares = nullptr;    // a block of hidden
  GpuState* state = nullptr;

  [[nodiscard]] constexpr int slots_a_block() const {
    return pairs_a_slot >= block_rows ? 1 : block_rows / pairs_a_slot;
  }
  [[nodiscard]] constexpr int hidden_blocks() const {
    return (slots + slots_a_block() - 1) / slots_a_block();
  }
};

// d a multiple of 4, up to 256.
[[nodiscard]] bool serves(const Shape& shape);
[[nodiscard]] std::size_t hidden_shared_bytes(int d, bool staged = false);

// The step that the state points at, in four kernels. Asynchronous on the stream.
template <class Platform>
void step(const GpuNet& net, const gpu::Stream& stream);
template <>
void step<gpu::Cuda>(const GpuNet&, const gpu::Stream&);
template <>
void step<gpu::Emulated>(const GpuNet&, const gpu::Stream&);
// The first steps of the epoch, in one kernel; blocks: multiprocessors, one where emulated.
template <class Platform>
void epoch(const GpuNet& net, int steps, int blocks, const gpu::Stream& stream);
template <>
void epoch<gpu::Cuda>(const GpuNet&, int, int, const gpu::Stream&);
template <>
void epoch<gpu::Emulated>(const GpuNet&, int, int, const gpu::Stream&);

enum class Way { together, steps };

// The teacher's data on a device: features for good, parameters and moments between load and store.
class OnDevice {
 public:
  // InputError: the shape is not served.
  OnDevice(const std::shared_ptr<gpu::Device>& device, const Shape& shape, const Features& features,
           const Batching& batching, Rule rule, double lr, Way way = Way::together);
  // What the constructor and set_targets allocate.
  [[nodiscard]] static std::size_t bytes(const Shape& shape, bool text_mask, bool image_mask,
                                         const Batching& batching, Rule rule);

  // Flat arrays of declare(); m, v, steps with Adam only, else null.
  void load(const float* values, const float* m, const float* v, const float* steps);
  void store(float* values, float* m, float* v, float* steps) const;
  void fetch_gradient(float* gradient) const;
  // G <= shape.groups pointers to M x d in host memory. Records the graph of Way::steps.
  void set_targets(std::span<const float* const> targets);
  // ... made here of sums on the same device, which no other work may change meanwhile. sums:
  // without targets; factors: G x (1 + views), in host memory.
  void make_targets(const group_targets::Problem& sums, std::span<const double> factors);

  // Where the order of the next epoch is to be written, all its slots: pinned; that of the epoch
  // under way is another.
  [[nodiscard]] std::span<std::int32_t> next_order();
  void begin_epoch();                   // asynchronous
  [[nodiscard]] double finish_epoch();  // waits: mean loss over its pairs
  // The last epoch's steps again, in its order, on any stream: for benchmarks.
  void launch(const gpu::Stream& stream) const;

  [[nodiscard]] const gpu::Stream& stream() const { return stream_; }

 private:
  static constexpr std::int64_t steps_a_graph = 64;
  void place_features(const Features& features);
  void take_targets(std::int64_t groups);
  void carve_scratch();
  void get(const float* from, float* to) const;  // a flat array of declare()
  void record_steps();
  void put_steps(const gpu::Stream& stream, std::int64_t steps) const;

  Shape shape_;
  Offsets offsets_;
  Batching batching_;
  Way way_;
  GpuNet net_;
  gpu::Stream stream_;
  gpu::Buffer<float> text_, image_, targets_, parameters_, scratch_;
  gpu::Buffer<std::uint8_t> has_text_, has_image_;
  gpu::Buffer<std::int32_t> order_, row_;
  gpu::Buffer<double> squares_;
  gpu::Buffer<GpuState> state_;
  gpu::Pinned<std::int32_t> order_host_[2];
  gpu::Pinned<GpuState> state_host_;  // of the beginning and of the end of an epoch
  std::int64_t steps_before_ = 0;
  int turn_ = 0;
  std::optional<gpu::Graph> graph_;
  std::int64_t recorded_steps_ = 0;
};

}  // namespace fedfuse::teacher
