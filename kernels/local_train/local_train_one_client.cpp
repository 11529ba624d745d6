// The device variants of the table: one client from host memory and back.
#include <algorithm>
#include <array>
#include <vector>

#include "core/error.hpp"
#include "kernels/local_train/local_train_gpu.hpp"
#include "kernels/local_train/variants.hpp"

namespace fedfuse::local_train {
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

// A client's prior is the logits of one group, which has all of it.
constexpr float whole_share = 1.0f;

// One client on a device: its arrays, copied there.
class OneClient {
 public:
  OneClient(const std::shared_ptr<gpu::Device>& device, const Shape& shape, const Rates& rates,
            const Steps& steps, const Client& client);
  Outcome train(std::span<float> step_loss);

 private:
  template <class T>
  gpu::Buffer<T> sent(std::span<const T> values) {
    return gpu::to_device(stream_, values);
  }
  gpu::Buffer<float> sent(const float* values, std::size_t count) {
    return sent(std::span<const float>(values, count));
  }
  void copy_samples(const Steps& steps);
  [[nodiscard]] GpuClients arguments() const;
  Outcome fetch(std::span<float> step_loss);

  const Shape& shape_;
  const Rates& rates_;
  const Client& client_;
  gpu::Stream stream_;
  Regular regular_;
  GpuPlan plan_;
  std::size_t slots_, capacity_, width_, views_;  // capacity_: rows that the buffers hold
  std::int64_t steps_;
  gpu::Buffer<std::int64_t> begin_;
  gpu::Buffer<std::int32_t> items_, entries_, zero_, samples_, slot_count_, finite_;
  gpu::Buffer<float> theta_, user_, router_, theta_out_, user_out_, router_out_, view_, rows_,
      personal_, tuned_, preferences_, prior_, share_, of_slot_, omega_, rho_, losses_, scratch_;
  gpu::Buffer<double> outcome_;
};

OneClient::OneClient(const std::shared_ptr<gpu::Device>& device, const Shape& shape,
                     const Rates& rates, const Steps& steps, const Client& client)
    : shape_(shape),
      rates_(rates),
      client_(client),
      stream_(device),
      regular_(regular(steps)),
      plan_(gpu_plan(shape, regular_.batch, regular_.samples, device->info().shared_per_block)),
      slots_(std::size_t(client.slots)),
      capacity_(std::max(slots_, std::size_t(regular_.samples))),
      width_(std::size_t(shape.width)),
      views_(std::size_t(shape.views)),
      steps_(steps.count()),
      finite_(device, 1),
      theta_(sent(client.theta, std::size_t(shape.head.theta))),
      user_(sent(client.user, std::size_t(shape.head.user))),
      router_(sent(client.router, std::size_t(shape.router.size))),
      theta_out_(device, theta_.size()),
      user_out_(device, user_.size()),
      router_out_(device, router_.size()),
      view_(sent(client.rows, views_ * slots_ * width_)),
      rows_(device, views_ * capacity_ * width_),
      personal_(device, shape.personal ? capacity_ * width_ : 0),
      tuned_(device, capacity_ * width_),
      preferences_(sent(client.soft, rates.lambda > 0.0f ? slots_ : 0)),
      prior_(sent(client.prior, client.prior != nullptr ? slots_ : 0)),
      share_(sent(&whole_share, 1)),
      of_slot_(device, capacity_),
      omega_(device, 3),
      rho_(device, 1),
      losses_(device, std::size_t(std::max<std::int64_t>(1, steps_))),
      scratch_(device, std::size_t(plan_.scratch_floats)),
      outcome_(device, 3) {
  copy_samples(steps);
  if (shape.personal)
    personal_.copy_in(std::span<const float>(client.personal, slots_ * width_), stream_);
  scratch_.fill_bytes(0, stream_);  // products read whole tiles of rows, also those behind a batch
}

void OneClient::copy_samples(const Steps& steps) {
  std::vector<std::int32_t> entries(std::size_t(steps.begin.back()));
  for (std::size_t e = 0; e < entries.size(); ++e)
    entries[e] = steps.slot[e] | std::int32_t(unsigned(steps.label[e] > 0.5f) << 31);
  std::vector<std::int32_t> items(capacity_);
  for (std::size_t s = 0; s < slots_; ++s) items[s] = std::int32_t(s);
  const std::array<std::int64_t, 2> begin{0, std::int64_t(capacity_)};
  const std::array<std::int32_t, 1> zero{0}, samples{regular_.samples}, slots{client_.slots};
  begin_ = sent(std::span<const std::int64_t>(begin));
  items_ = sent(std::span<const std::int32_t>(items));
  entries_ = sent(std::span<const std::int32_t>(entries));
  zero_ = sent(std::span<const std::int32_t>(zero));
  samples_ = sent(std::span<const std::int32_t>(samples));
  slot_count_ = sent(std::span<const std::int32_t>(slots));
}

GpuClients OneClient::arguments() const {
  GpuClients g;
  g.count = 1;
  g.order = zero_.data();
  g.begin = begin_.data();
  g.samples = samples_.data();
  g.slots = slot_count_.data();
  g.items = items_.data();
  g.entries = entries_.data();
  g.epochs = regular_.epochs;
  g.batch = regular_.batch;
  g.theta = theta_.data();
  g.user = user_.data();
  g.router = router_.data();
  g.theta_stride = 0;
  g.row = g.row_out = zero_.data();
  g.theta_out = theta_out_.data();
  g.user_out = user_out_.data();
  g.router_out = router_out_.data();
  for (std::size_t j = 0; j < views_; ++j) g.view[j] = view_.data() + j * slots_ * width_;
  g.rows = rows_.data();
  g.personal = shape_.personal ? personal_.data() : nullptr;
  g.tuned = tuned_.data();
  g.preferences = rates_.lambda > 0.0f ? preferences_.data() : nullptr;
  g.group = zero_.data();
  g.items_total = client_.slots;
  if (client_.prior != nullptr)
    g.prior = {
        .logits = prior_.data(), .shares = share_.data(), .groups = 1, .of_slot = of_slot_.data()};
  g.outcome = outcome_.data();
  g.omega = omega_.data();
  g.rho = rho_.data();
  g.finite = finite_.data();
  g.step_loss = losses_.data();
  g.step_loss_stride = steps_;
  g.scratch = scratch_.data();
  return g;
}

Outcome OneClient::fetch(std::span<float> step_loss) {
  Outcome out;
  std::array<double, 3> loss{};
  outcome_.copy_out(loss, stream_);
  omega_.copy_out(out.omega, stream_);
  theta_out_.copy_out({client_.theta, theta_.size()}, stream_);
  user_out_.copy_out({client_.user, user_.size()}, stream_);
  if (router_.size() > 0) router_out_.copy_out({client_.router, router_.size()}, stream_);
  if (shape_.rows_trained) tuned_.copy_out({client_.rows, slots_ * width_}, stream_);
  if (!shape_.rows_trained) rows_.copy_out({client_.view_grad, views_ * slots_ * width_}, stream_);
  if (shape_.personal) personal_.copy_out({client_.personal, slots_ * width_}, stream_);
  if (!step_loss.empty()) losses_.copy_out(step_loss, stream_);
  stream_.synchronise();
  out.loss_recommendation = loss[0];
  out.loss_distillation = loss[1];
  out.loss = loss[2];
  return out;
}

Outcome OneClient::train(std::span<float> step_loss) {
  const auto clients = arguments();
  gpu::on_platform(stream_.device(),
                   [&]<class P>(P) { train_clients<P>(shape_, rates_, plan_, clients, stream_); });
  return fetch(step_loss);
}

Outcome train_one(const std::shared_ptr<gpu::Device>& device, const Shape& shape,
                  const Rates& rates, const Steps& steps, const Client& client, Workspace& ws,
                  std::span<float> step_loss) {
  return train_for_change(shape, rates, steps, client, ws, [&] {
    return OneClient(device, shape, rates, steps, client).train(step_loss);
  });
}

}  // namespace

Outcome train_emulated(const Shape& shape, const Rates& rates, const Steps& steps,
                       const Client& client, Workspace& ws, std::span<float> step_loss) {
  return train_one(gpu::open_emulated_device(), shape, rates, steps, client, ws, step_loss);
}
Outcome train_cuda(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                   Workspace& ws, std::span<float> step_loss) {
  return train_one(gpu::open_cuda_device(0), shape, rates, steps, client, ws, step_loss);
}

}  // namespace fedfuse::local_train
