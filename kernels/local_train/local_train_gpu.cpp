// The plan of a launch, and the device variants of the table: one client from host memory and back.
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
    {HeadKind::linear, 2, 8, false, false},
    {HeadKind::mlp, 7, 4, true, false},
    {HeadKind::neumf, 15, 4, true, true},
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
  p.sums = shared.take(2 * p.threads);
}

// Products read whole tiles of rows: what lies beyond a matrix is padding, not another matrix.
constexpr std::int64_t whole_tiles(std::int64_t rows) { return (rows + 31) / 32 * 32; }

void place_weights(const Shape& s, const GpuHead& head, GpuPlan& p, Space& space) {
  const int d = s.d, pd = padded(d);
  if (head.multiplies) {
    p.W_a = space.take(std::int64_t(d) * d);
    p.W_b = space.take(whole_tiles(d) * pd);
  }
  if (head.tower) {
    p.W2 = space.take(whole_tiles(d / 2) * pd);
    p.W3 = space.take(whole_tiles(d / 4) * padded(d / 2));
  }
  if (s.views > 1) p.router = space.take(whole_tiles(d) * padded(s.views * d));
}

void place_batch(const Shape& s, const GpuHead& head, GpuPlan& p, Space& space) {
  const bool multiplies = head.multiplies || s.views > 1;
  const std::int64_t n = multiplies ? whole_tiles(p.batch) : p.batch;
  p.Z = space.take(n * padded(s.head.item_width));
  p.H = space.take(multiplies || s.personal ? n * padded(std::max(s.d, s.personal ? s.width : 0))
                                            : 0);
  if (head.tower) {
    p.T2 = space.take(n * padded(s.d / 2));
    p.T3 = space.take(n * padded(s.d / 4));
  }
  if (s.views > 1) p.HR = space.take(n * padded(s.d));
}

}  // namespace

bool trains_on_device(HeadKind kind) { return find_gpu_head(kind) != nullptr; }

GpuPlan gpu_plan(const Shape& shape, int batch, std::int64_t largest_samples,
                 std::size_t shared_limit) {
  if (shape.d % 4 != 0 || shape.d > 128)
    throw InputError(cat("d = ", shape.d, " cannot be trained on a device"),
                     "the kernels move 16 bytes at a time and hold d x d weights in shared memory",
                     "use a multiple of 4 up to 128, or --device cpu");
  const GpuHead* head = find_gpu_head(shape.head.kind);
  if (head == nullptr)
    throw InputError(cat("--head ", name_of(shape.head.kind), " cannot be trained on a device"),
                     "the head has a CPU form only", "use --device cpu");
  GpuPlan p;
  p.batch = int(std::min<std::int64_t>(batch, std::max<std::int64_t>(1, largest_samples)));
  constexpr int usual = 256, small = 128;
  const bool routed = shape.views > 1;
  p.threads = routed || shape.d > 64 ? most_threads(routed, true)
              : head->multiplies     ? usual
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

namespace {

// Steps as (epochs, samples an epoch): fedfuse's own steps always have that form.
struct Regular {
  int epochs = 1, samples = 0, batch = 1;
};
Regular regular(const Steps& steps) {
  const int total = steps.begin.back();
  Regular r{1, total, std::max(1, steps.count() > 0 ? steps.begin[1] : 1)};
  const auto fits = [&](int samples) {
    std::vector<std::int32_t> begin{0};
    for (int epoch = 0; epoch < total / samples; ++epoch)
      for (int at = 0; at < samples; at += r.batch)
        begin.push_back(epoch * samples + std::min(samples, at + r.batch));
    return std::ranges::equal(begin, steps.begin);
  };
  for (int epochs = 1; epochs <= std::max(1, total); ++epochs)
    if (total % epochs == 0 && total > 0 && fits(total / epochs))
      return {epochs, total / epochs, r.batch};
  FEDFUSE_CHECK(total == 0, "steps are epochs of equal batches");
  return r;
}

Outcome train_one(const std::shared_ptr<gpu::Device>& device, const Shape& shape,
                  const Rates& rates, const Steps& steps, const Client& client,
                  std::span<float> step_loss) {
  using gpu::to_device;
  const gpu::Stream stream(device);
  const auto r = regular(steps);
  auto plan = gpu_plan(shape, r.batch, r.samples, device->info().shared_per_block);
  const auto slots = std::size_t(client.slots), width = std::size_t(shape.width),
             J = std::size_t(shape.views), room = std::max(slots, std::size_t(r.samples));
  std::vector<std::int32_t> entries(std::size_t(steps.begin.back())), items(room), zero{0},
      samples{r.samples}, slot_count {
        client.slots
      };
  std::vector<std::int64_t> begin{0, std::int64_t(room)};
  for (std::size_t e = 0; e < entries.size(); ++e)
    entries[e] = steps.slot[e] | std::int32_t(unsigned(steps.label[e] > 0.5f) << 31);
  for (std::size_t s = 0; s < slots; ++s) items[s] = std::int32_t(s);
  const auto span = [](const auto* p, std::size_t n) { return std::span(p, n); };
  const auto d_begin = to_device(stream, span(begin.data(), 2));
  const auto d_items = to_device(stream, span(items.data(), room)),
             d_entries = to_device(stream, span(entries.data(), entries.size()));
  const auto d_zero = to_device(stream, span(zero.data(), 1)),
             d_samples = to_device(stream, span(samples.data(), 1)),
             d_slots = to_device(stream, span(slot_count.data(), 1));
  const auto theta_size = std::size_t(shape.head.theta), user_size = std::size_t(shape.head.user),
             router_size = std::size_t(shape.router.size);
  const auto theta = to_device(stream, span(static_cast<const float*>(client.theta), theta_size));
  const auto user = to_device(stream, span(static_cast<const float*>(client.user), user_size));
  const auto router =
      to_device(stream, span(static_cast<const float*>(client.router), router_size));
  gpu::Buffer<float> theta_out(device, theta_size), user_out(device, user_size),
      router_out(device, router_size);
  const auto views =
      to_device(stream, span(static_cast<const float*>(client.rows), J * slots * width));
  gpu::Buffer<float> rows(device, J * room * width),
      personal(device, shape.personal ? room * width : 0), tuned(device, room * width);
  if (shape.personal)
    personal.copy_in(span(static_cast<const float*>(client.personal), slots * width), stream);
  const bool soft = rates.lambda > 0.0f;
  const auto preferences = to_device(stream, span(client.soft, soft ? slots : 0));
  gpu::Buffer<double> outcome(device, 3);
  gpu::Buffer<float> omega(device, 3), rho(device, 1),
      losses(device, std::size_t(std::max(1, steps.count()))),
      scratch(device, std::size_t(plan.scratch_floats));
  scratch.fill_bytes(0, stream);  // products read whole tiles of rows, also those behind a batch
  gpu::Buffer<std::int32_t> finite(device, 1);

  GpuClients g;
  g.count = 1;
  g.order = d_zero.data();
  g.begin = d_begin.data();
  g.samples = d_samples.data();
  g.slots = d_slots.data();
  g.items = d_items.data();
  g.entries = d_entries.data();
  g.epochs = r.epochs;
  g.batch = r.batch;
  g.theta = theta.data();
  g.user = user.data();
  g.router = router.data();
  g.theta_stride = 0;
  g.row = g.row_out = d_zero.data();
  g.theta_out = theta_out.data();
  g.user_out = user_out.data();
  g.router_out = router_out.data();
  for (std::size_t j = 0; j < J; ++j) g.view[j] = views.data() + j * slots * width;
  g.rows = rows.data();
  g.personal = shape.personal ? personal.data() : nullptr;
  g.tuned = tuned.data();
  g.preferences = soft ? preferences.data() : nullptr;
  g.group = d_zero.data();
  g.items_total = client.slots;
  g.outcome = outcome.data();
  g.omega = omega.data();
  g.rho = rho.data();
  g.finite = finite.data();
  g.step_loss = losses.data();
  g.step_loss_stride = steps.count();
  g.scratch = scratch.data();
  gpu::on_platform(*device, [&]<class P>(P) { train_clients<P>(shape, rates, plan, g, stream); });

  Outcome out;
  double loss[3];
  outcome.copy_out(loss, stream);
  omega.copy_out(out.omega, stream);
  theta_out.copy_out({client.theta, theta_size}, stream);
  user_out.copy_out({client.user, user_size}, stream);
  if (router_size > 0) router_out.copy_out({client.router, router_size}, stream);
  if (shape.rows_trained) tuned.copy_out({client.rows, slots * width}, stream);
  if (!shape.rows_trained) rows.copy_out({client.view_grad, J * slots * width}, stream);
  if (shape.personal) personal.copy_out({client.personal, slots * width}, stream);
  if (!step_loss.empty()) losses.copy_out(step_loss, stream);
  stream.synchronise();
  out.loss_recommendation = loss[0];
  out.loss_distillation = loss[1];
  out.loss = loss[2];
  return out;
}

}  // namespace

Outcome train_emulated(const Shape& shape, const Rates& rates, const Steps& steps,
                       const Client& client, Workspace&, std::span<float> step_loss) {
  return train_one(gpu::open_emulated_device(), shape, rates, steps, client, step_loss);
}
Outcome train_cuda(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                   Workspace&, std::span<float> step_loss) {
  return train_one(gpu::open_cuda_device(0), shape, rates, steps, client, step_loss);
}

}  // namespace fedfuse::local_train
