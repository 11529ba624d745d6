#include "device/clients_on_device.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "clients/local_round.hpp"
#include "core/rng.hpp"
#include "kernels/local_train/local_train.hpp"
#include "server/device/chunks.hpp"

namespace fedfuse::bench {
namespace {

// Small numbers of either sign, so that training stays in the normal range.
std::vector<float> noise(std::size_t n, float scale, std::uint64_t who) {
  const Rng rng(1, Purpose::test);
  std::vector<float> values(n);
#pragma omp parallel for schedule(static)
  for (std::size_t k = 0; k < n; ++k)
    values[k] = scale * float(rng.uniform(who, 0, std::uint32_t(k)) - 0.5);
  return values;
}

std::vector<std::int32_t> distinct_positives(std::int64_t clients, std::int64_t items,
                                             int positives) {
  const Rng rng(2, Purpose::test);
  // one positive in each stretch of items: distinct and ascending
  const std::int64_t stride = items / positives;
  std::vector<std::int32_t> all(std::size_t(clients * positives));
#pragma omp parallel for schedule(static)
  for (std::int64_t u = 0; u < clients; ++u)
    for (int p = 0; p < positives; ++p)
      all[std::size_t(u * positives + p)] = std::int32_t(
          p * stride + Rng::below(std::uint32_t(rng.bits(std::uint64_t(u), 0, std::uint32_t(p))),
                                  std::uint32_t(stride)));
  return all;
}

}  // namespace

ClientsOnDevice::ClientsOnDevice(const std::shared_ptr<gpu::Device>& device, const Config& config,
                                 std::int64_t clients, std::int64_t items, int positives)
    : device_(device),
      spec_(resolve(config)),
      shape_(shape_of(spec_)),
      rates_(rates_of(config, spec_, items, 1)),
      sampling_{.negatives = Rng(config.federation.seed, Purpose::negatives),
                .shuffle = Rng(config.federation.seed, Purpose::shuffle)},
      count_(clients),
      samples_(positives * (1 + config.federation.negatives_per_positive)) {
  const auto bound = bucket_bound(samples_);  // as in a round
  plan_ = local_train::gpu_plan(shape_, int(config.federation.batch), bound,
                                device->info().shared_per_block);
  if (plan_.scratch_floats > 0) plan_.blocks = 2 * device->info().multiprocessors;
  sample_plan_ = sample::gpu_sample_plan(bound, int(config.federation.local_epochs),
                                         device->info().shared_per_block);
  place(config, items, positives);
  const gpu::Stream stream(device);
  draw(stream);
  stream.synchronise();
  count_work(config);
}

void ClientsOnDevice::place(const Config& config, std::int64_t items, int positives) {
  const gpu::Stream stream(device_);
  const auto n = std::size_t(count_), room = std::size_t(count_ * samples_);
  const auto put = [&]<class T>(std::vector<gpu::Buffer<T>>& list, const std::vector<T>& values) {
    list.push_back(gpu::to_device(stream, std::span<const T>(values)));
    return list.back().data();
  };
  const auto make = [&]<class T>(std::vector<gpu::Buffer<T>>& list, std::size_t size) {
    list.emplace_back(device_, size);
    return list.back().data();
  };
  std::vector<std::int32_t> counting(n);
  std::iota(counting.begin(), counting.end(), 0);
  std::vector<std::int64_t> offsets(n + 1), begin(n + 1);
  for (std::size_t u = 0; u <= n; ++u) {
    offsets[u] = std::int64_t(u) * positives;
    begin[u] = std::int64_t(u) * samples_;
  }

  auto& s = sampling_;
  s.count = int(count_);
  s.local = s.ids = put(ints_, counting);
  s.offsets = put(longs_, offsets);
  s.train = put(ints_, distinct_positives(count_, items, positives));
  s.pool = std::uint32_t(items);
  s.round = 1;
  s.per_positive = int(config.federation.negatives_per_positive);
  s.epochs = int(config.federation.local_epochs);
  s.begin = put(longs_, begin);
  s.samples = make(ints_, n);
  s.slots = make(ints_, n);
  s.items = make(ints_, room);
  s.drawn = make(ints_, room);
  s.entries = make(ints_, room * std::size_t(s.epochs));

  auto& g = clients_;
  const auto head = std::size_t(shape_.head.theta), user = std::size_t(shape_.head.user),
             router = std::size_t(shape_.router.size);
  g.count = s.count;
  g.order = g.row = g.row_out = s.local;
  g.begin = s.begin;
  g.samples = s.samples;
  g.slots = s.slots;
  g.items = s.items;
  g.entries = s.entries;
  g.epochs = s.epochs;
  g.batch = int(config.federation.batch);
  g.items_total = items;
  g.theta = put(floats_, noise(head, 0.2f, 1));
  g.theta_stride = 0;
  g.user = put(floats_, noise(n * user, 0.2f, 2));
  g.router = put(floats_, noise(n * router, 0.2f, 3));
  g.theta_out = make(floats_, n * head);
  g.user_out = make(floats_, n * user);
  g.router_out = make(floats_, n * router);
  for (int j = 0; j < shape_.views; ++j)
    g.view[j] = put(floats_, noise(std::size_t(items * shape_.width), 0.2f, std::uint64_t(4 + j)));
  g.rows = make(floats_, room * std::size_t(shape_.views * shape_.width));
  g.outcome = make(doubles_, 3 * n);
  g.omega = make(floats_, 3 * n);
  g.rho = make(floats_, n);
  g.finite = make(ints_, n);
  g.scratch = make(floats_, std::size_t(plan_.blocks * plan_.scratch_floats));
}

// The slots that the clients really have.
void ClientsOnDevice::count_work(const Config& config) {
  const gpu::Stream stream(device_);
  std::vector<std::int32_t> slots(static_cast<std::size_t>(count_));
  device_->copy_out(slots.data(), sampling_.slots, slots.size() * sizeof(slots[0]),
                    stream.handle());
  stream.synchronise();
  for (const auto s : slots) {
    const local_train::Problem p{
        .shape = shape_,
        .samples = samples_,
        .epochs = config.federation.local_epochs,
        .slots = s,
        .steps = config.federation.local_epochs *
                 ((samples_ + config.federation.batch - 1) / config.federation.batch)};
    flops_ += p.flops();
    bytes_ += p.bytes();
  }
}

double ClientsOnDevice::draw_bytes() const {
  constexpr double word = 4;
  return word * double(count_) * double(samples_) *
         (1.0 / (1 + sampling_.per_positive) + 2 + sampling_.epochs);
}

void ClientsOnDevice::draw(const gpu::Stream& stream) const {
  gpu::on_platform(*device_,
                   [&]<class P>(P) { sample::draw_clients<P>(sample_plan_, sampling_, stream); });
}
void ClientsOnDevice::train(const gpu::Stream& stream) const {
  gpu::on_platform(*device_, [&]<class P>(P) {
    local_train::train_clients<P>(shape_, rates_, plan_, clients_, stream);
  });
}

}  // namespace fedfuse::bench
