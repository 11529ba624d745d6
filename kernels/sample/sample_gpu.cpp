// The plan of a launch, and the device variants of the table: one client from host memory and back.
#include "kernels/sample/sample_gpu.hpp"

#include <algorithm>

#include "kernels/sample/variants.hpp"

namespace fedfuse::sample {

GpuSamplePlan gpu_sample_plan(std::int64_t most, int epochs, std::size_t shared_limit) {
  constexpr std::size_t word = sizeof(std::int32_t), scan_words = 32;
  GpuSamplePlan plan;
  plan.threads = most <= 128 ? 64 : most <= 1024 ? 128 : 256;
  const auto all = (scan_words + std::size_t(most) * std::size_t(2 + epochs)) * word;
  plan.in_shared = all <= shared_limit;
  plan.shared_bytes = plan.in_shared ? all : scan_words * word;
  return plan;
}

namespace {

void draw_one(const std::shared_ptr<gpu::Device>& device, const Rules& rules, const Client& client,
              std::uint32_t round, std::size_t shared_limit, Samples& out) {
  using Ints = std::vector<std::int32_t>;
  const gpu::Stream stream(device);
  const auto up = [&](const Ints& values) {
    return gpu::to_device(stream, std::span<const std::int32_t>(values));
  };
  const auto room = samples_an_epoch(std::int64_t(client.positives.size()), rules.per_positive);
  const std::vector<std::int64_t> bounds{0, std::int64_t(client.positives.size())}, rooms{0, room};
  const auto offsets = gpu::to_device(stream, std::span<const std::int64_t>(bounds)),
             begin = gpu::to_device(stream, std::span<const std::int64_t>(rooms));
  const auto zero = up({0}), id = up({client.id}), valid = up({client.valid}),
             test = up({client.test});
  const auto train = up(Ints(client.positives.begin(), client.positives.end())),
             listed = up(Ints(rules.listed.begin(), rules.listed.end()));
  gpu::Buffer<std::int32_t> samples(device, 1), slots(device, 1), items(device, std::size_t(room)),
      drawn(device, std::size_t(room)), entries(device, std::size_t(room * rules.epochs));

  GpuSampling s{.count = 1,
                .local = zero.data(),
                .ids = id.data(),
                .offsets = offsets.data(),
                .train = train.data(),
                .valid = valid.data(),
                .test = test.data(),
                .listed = rules.listed.empty() ? nullptr : listed.data(),
                .pool = std::uint32_t(rules.pool()),
                .round = round,
                .spare_held_out = rules.spare_held_out,
                .in_order = rules.in_order,
                .per_positive = int(rules.per_positive),
                .epochs = int(rules.epochs),
                .batch = int(rules.batch),
                .negatives = rules.negatives,
                .shuffle = rules.shuffle,
                .begin = begin.data(),
                .samples = samples.data(),
                .slots = slots.data(),
                .items = items.data(),
                .drawn = drawn.data(),
                .entries = entries.data()};
  const auto plan = gpu_sample_plan(room, int(rules.epochs), shared_limit);
  gpu::on_platform(*device, [&]<class P>(P) { draw_clients<P>(plan, s, stream); });

  std::int32_t n = 0, kept = 0;
  samples.copy_out({&n, 1}, stream);
  slots.copy_out({&kept, 1}, stream);
  stream.synchronise();
  out.items.resize(std::size_t(kept));
  out.slot.resize(std::size_t(n * rules.epochs));
  out.label.resize(out.slot.size());
  items.copy_out(out.items, stream);
  entries.copy_out(out.slot, stream);
  stream.synchronise();
  for (std::size_t e = 0; e < out.slot.size(); ++e) {
    out.label[e] = out.slot[e] < 0 ? 1.0f : 0.0f;
    out.slot[e] &= 0x7fffffff;
  }
  out.distinct_entries = n;
  place_steps(rules, n, out.begin);
}

}  // namespace

void draw_cuda(const Rules& rules, const Client& client, std::uint32_t round, Samples& samples) {
  const auto device = gpu::open_cuda_device(0);
  draw_one(device, rules, client, round, device->info().shared_per_block, samples);
}
void draw_emulated(const Rules& rules, const Client& client, std::uint32_t round,
                   Samples& samples) {
  const auto device = gpu::open_emulated_device();
  draw_one(device, rules, client, round, device->info().shared_per_block, samples);
}

}  // namespace fedfuse::sample
