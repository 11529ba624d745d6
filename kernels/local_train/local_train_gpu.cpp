// The plan of a launch.
#include "kernels/local_train/local_train_gpu.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::local_train {
namespace {

// Hands out offsets; every part begins at a multiple of 4 floats.
struct Space {
  std::int64_t at = 0;
  int take(std::int64_t floats) {
    const auto begin = at;
    at += (floats + 3) / 4 * 4;
    return int(begin);
  }
};

// What a head needs of a block. A head without a row has no body for a device.
struct GpuHead {
  HeadKind kind;
  int vectors, numbers;  // parameters and gradients: floats = vectors d + numbers
  bool multiplies;       // first layer d x d
  bool tower;            // the layers d -> d/2 -> d/4 above it
};
constexpr std::array<GpuHead, 3> gpu_heads{{
    {.kind = HeadKind::linear, .vectors = 2, .numbers = 8, .multiplies = false, .tower = false},
    {.kind = HeadKind::mlp, .vectors = 7, .numbers = 4, .multiplies = true, .tower = false},
    {.kind = HeadKind::neumf, .vectors = 15, .numbers = 4, .multiplies = true, .tower = true},
}};

const GpuHead* find_gpu_head(HeadKind kind) {
  const auto* row = std::ranges::find(gpu_heads, kind, &GpuHead::kind);
  return row == gpu_heads.end() ? nullptr : row;
}

void place_vectors(const Shape& s, const GpuHead& head, GpuPlan& p, Space& shared) {
  const int d = s.d;
  p.red = shared.take(2 * 32);  // doubles first: aligned
  p.mine = shared.take(mine_floats);
  p.small = shared.take(head.vectors * d + head.numbers);
  if (s.views > 1) p.router_small = shared.take(2 * d + 2 * s.views * d + 4);
  p.score = shared.take(p.batch);
  p.delta = shared.take(p.batch);
  p.slot = shared.take(p.batch);
  p.next = shared.take(p.batch);
  p.mix = shared.take(s.views > 1 ? 8 + std::int64_t(p.batch) * s.views : 0);
  p.sums = shared.take(4 * p.threads);
}

// Products read whole tiles of rows: what lies beyond a matrix is padding, not another matrix.
constexpr std::int64_t whole_tiles(std::int64_t rows) { return (rows + 31) / 32 * 32; }

void place_weights(const Shape& s, const GpuHead& head, GpuPlan& p, Space& space) {
  const int d = s.d, pd = weight_stride(d);
  if (head.multiplies) {
    p.W_a = space.take(std::int64_t(d) * pd);
    p.W_b = space.take(whole_tiles(d) * pd);
  }
  if (head.tower) {
    p.W2 = space.take(whole_tiles(d / 2) * pd);
    p.W3 = space.take(whole_tiles(d / 4) * weight_stride(d / 2));
  }
  if (s.views > 1) p.router = space.take(whole_tiles(d) * weight_stride(s.views * d));
}

void place_batch(const Shape& s, const GpuHead& head, GpuPlan& p, Space& space) {
  const bool multiplies = head.multiplies || s.views > 1;
  const std::int64_t n = multiplies ? whole_tiles(p.batch) : p.batch;
  p.Z = space.take(n * padded(s.head.item_width));
  p.H = space.take(
      head.multiplies || s.personal ? n * padded(std::max(s.d, s.personal ? s.width : 0)) : 0);
  if (head.tower) {
    p.T2 = space.take(n * padded(s.d / 2));
    p.T3 = space.take(n * padded(s.d / 4));
  }
  if (s.views > 1) p.HR = space.take(n * padded(s.d));
}

}  // namespace

bool trains_on_device(HeadKind kind) { return find_gpu_head(kind) != nullptr; }
bool width_on_device(std::int64_t d) { return d % 4 == 0 && d <= 128; }

GpuPlan gpu_plan(const Shape& shape, int batch, std::int64_t largest_samples,
                 std::size_t shared_limit) {
  if (!width_on_device(shape.d))
    throw InputError(cat("d = ", shape.d, " cannot be trained on a device"),
                     "the kernels move 16 bytes at a time and hold d x d weights in shared memory",
                     "use a multiple of 4 up to 128, or --device cpu");
  const GpuHead* head = find_gpu_head(shape.head.kind);
  if (head == nullptr)
    throw InputError(cat("--head ", name_of(shape.head.kind), " cannot be trained on a device"),
                     "the head has a CPU form only", "use --device cpu");
  GpuPlan p;
  p.batch = int(std::min<std::int64_t>(batch, std::max<std::int64_t>(1, largest_samples)));
  if (with_linear_rows(shape, batch, largest_samples, [&](auto linear) {
        p.threads = linear.threads;
        p.shared_bytes = linear.bytes(shape.rows_trained);
      })) {
    p.linear_rows = std::max<std::int64_t>(1, largest_samples);
    return p;
  }
  constexpr int small = 128;
  const bool routed = shape.views > 1;
  p.threads = shape.d > 64                 ? most_threads(routed, true)
              : routed || head->multiplies ? usual_threads
                                           : small;
  // The most used first; what does not fit shared memory goes to the block's scratch.
  Space shared, scratch;
  place_vectors(shape, *head, p, shared);
  const auto fits = [shared_limit](const Space& space) {
    return std::size_t(space.at) * sizeof(float) <= shared_limit;
  };
  auto with_weights = shared;
  place_weights(shape, *head, p, with_weights);
  const int across = (shape.d + 31) / 32;  // tiles of a weight gradient
  p.weights_in_shared =
      fits(with_weights) && (!head->multiplies || across * across <= p.threads / 32);
  if (p.weights_in_shared)
    shared = with_weights;
  else
    place_weights(shape, *head, p, scratch);
  auto with_batch = shared;
  place_batch(shape, *head, p, with_batch);
  p.batch_in_shared = p.weights_in_shared && fits(with_batch);
  if (p.batch_in_shared)
    shared = with_batch;
  else
    place_batch(shape, *head, p, scratch);
  if (!p.all_in_shared()) p.threads = most_threads(routed, false);
  p.scratch_floats = scratch.at;
  p.shared_bytes = std::size_t(shared.at) * sizeof(float);
  FEDFUSE_CHECK(fits(shared), "the vectors of a head fit a block's shared memory");
  return p;
}

}  // namespace fedfuse::local_train
