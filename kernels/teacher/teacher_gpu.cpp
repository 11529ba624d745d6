// The teacher's data on a device, and the device variants of the table: from host memory and back.
#include "kernels/teacher/teacher_gpu.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::teacher {
namespace {

// Floats of one step's scratch, in the order of carve_scratch.
struct Scratch {
  std::int64_t slot, pair, group, fixed;
  [[nodiscard]] std::int64_t floats(std::int64_t slots, std::int64_t pairs,
                                    std::int64_t groups) const {
    return slots * slot + pairs * pair + groups * group + fixed;
  }
};
Scratch scratch_of(const GpuLayout& at) {
  const std::int64_t d = at.d;
  return {6 * d, 5 * d, 6 * d + at.d_group, 6 * d * d};
}

// Of any G up to the shape's.
std::int64_t most_slots(const Shape& s, const Batching& b) {
  return std::min(b.slots(1), b.epoch(s.groups, s.items));
}
std::int64_t most_pairs(const Shape& s, const Batching& b) {
  return b.by_items ? std::max(b.pairs, s.groups) : b.pairs;
}

}  // namespace

std::size_t hidden_shared_bytes(int d, bool staged) {
  const int weights = staged ? 8 * d * d : 0;
  return std::size_t(block_threads * block_rows * 4 + 9 * d * block_rows + weights) *
             sizeof(float) +
         32 * sizeof(double);
}

bool serves(const Shape& s) { return s.d % 4 == 0 && s.d >= 4 && s.d <= 256; }

std::size_t OnDevice::bytes(const Shape& s, bool text_mask, bool image_mask, const Batching& b,
                            Rule rule) {
  const auto at = gpu_layout(s);
  const auto slots = most_slots(s, b), pairs = most_pairs(s, b);
  const std::int64_t floats = s.items * (at.d_text + at.d_image + s.groups * s.d) +
                              (rule == Rule::adam ? 4 : 2) * std::int64_t(at.size) +
                              scratch_of(at).floats(slots, pairs, s.groups);
  const std::int64_t masks = s.items * (std::int64_t(text_mask) + std::int64_t(image_mask));
  return std::size_t(4 * (floats + b.epoch(s.groups, s.items) + 2 * slots) + masks + 8 * slots) +
         sizeof(GpuState);
}

OnDevice::OnDevice(const std::shared_ptr<gpu::Device>& device, const Shape& shape,
                   const Features& features, const Batching& batching, Rule rule, double lr,
                   Way way)
    : shape_(shape),
      batching_(batching),
      way_(way),
      stream_(device),
      state_(device, 1),
      state_host_(device, 2) {
  if (!serves(shape) || hidden_shared_bytes(int(shape.d)) > device->info().shared_per_block)
    throw InputError(cat("the teacher cannot be trained on a device with d = ", shape.d),
                     "its kernels take multiples of 4 up to 256",
                     "use such a --dim, or --device cpu");
  (void)declare(shape, offsets_);
  net_.at = gpu_layout(shape);
  net_.by_items = batching.by_items;
  net_.staged = hidden_shared_bytes(int(shape.d), true) <= device->info().shared_per_block;
  net_.rule = rule;
  net_.lr = float(lr);
  net_.items = shape.items;
  const auto size = std::size_t(net_.at.size), slots = std::size_t(most_slots(shape, batching));
  const auto epoch = std::size_t(batching.epoch(shape.groups, shape.items));
  place_features(features);
  targets_ = {device, std::size_t(shape.groups * shape.items * shape.d)};
  parameters_ = {device, size * (rule == Rule::adam ? 4 : 2)};
  scratch_ = {device, std::size_t(scratch_of(net_.at).floats(
                          std::int64_t(slots), most_pairs(shape, batching), shape.groups))};
  order_ = {device, epoch};
  row_ = {device, 2 * slots};
  squares_ = {device, slots};
  for (auto& host : order_host_) host = {device, epoch};
  net_.targets = targets_.data();
  net_.order = order_.data();
  net_.row = row_.data();
  net_.squares = squares_.data();
  net_.state = state_.data();
  net_.values = parameters_.data();
  net_.gradient = net_.values + size;
  if (rule == Rule::adam) {
    net_.m = net_.gradient + size;
    net_.v = net_.m + size;
  }
}

void OnDevice::place_features(const Features& features) {
  const auto device = stream_.shared_device();
  const auto put = [&](gpu::Buffer<float>& to, const float* from, std::int64_t width, int pitch) {
    to = {device, std::size_t(shape_.items * pitch)};
    if (width == 0) return;
    constexpr std::int64_t at_once = 4096;  // rows
    std::vector<float> padded;
    for (std::int64_t first = 0; first < shape_.items; first += at_once) {
      const auto rows = std::min(at_once, shape_.items - first);
      padded.assign(std::size_t(rows * pitch), 0.0f);
      for (std::int64_t r = 0; r < rows; ++r)
        std::copy_n(from + (first + r) * width, width, padded.data() + r * pitch);
      device->copy_in(to.data() + first * pitch, padded.data(), padded.size() * sizeof(float),
                      stream_.handle());
      stream_.synchronise();
    }
  };
  const auto put_mask = [&](gpu::Buffer<std::uint8_t>& to, const std::uint8_t* has) {
    if (has != nullptr) to = gpu::to_device(stream_, std::span(has, std::size_t(shape_.items)));
  };
  put(text_, features.text, shape_.d_text, net_.at.d_text);
  put(image_, features.image, shape_.d_image, net_.at.d_image);
  put_mask(has_text_, features.has_text);
  put_mask(has_image_, features.has_image);
  net_.text = text_.data();
  net_.image = image_.data();
  net_.has_text = has_text_.data();
  net_.has_image = has_image_.data();
}

void OnDevice::set_targets(std::span<const float* const> targets) {
  take_targets(std::int64_t(targets.size()));
  const auto cells = shape_.items * shape_.d;
  for (std::int64_t l = 0; l < net_.groups; ++l)
    stream_.device().copy_in(targets_.data() + l * cells, targets[std::size_t(l)],
                             std::size_t(cells) * sizeof(float), stream_.handle());
  stream_.synchronise();
}

void OnDevice::make_targets(const group_targets::Problem& sums, std::span<const double> factors) {
  take_targets(sums.groups);
  FEDFUSE_CHECK(sums.items == shape_.items && sums.width == shape_.d, "a target is M x d");
  const auto there = gpu::to_device(stream_, factors);
  auto p = sums;
  p.factors = there.data();
  p.targets = targets_.data();
  gpu::on_platform(stream_.device(),
                   [&]<class P>(P) { group_targets::make_targets<P>(p, stream_); });
  stream_.synchronise();
}

// From now on an epoch has as many groups as there are targets.
void OnDevice::take_targets(std::int64_t groups) {
  FEDFUSE_CHECK(groups >= 1 && groups <= shape_.groups, "more targets than the teacher has groups");
  net_.groups = int(groups);
  net_.pairs_a_slot = int(batching_.pairs_a_slot(groups));
  net_.count = batching_.epoch(groups, shape_.items);
  net_.slots = int(std::min(batching_.slots(groups), net_.count));
  carve_scratch();
  if (way_ == Way::steps) record_steps();
}

void OnDevice::record_steps() {
  // The first launch of a kernel loads it, which is not for a stream that records: a step of an
  // epoch without slots.
  auto none = net_;
  none.count = 0;
  state_.fill_bytes(0, stream_);
  gpu::on_platform(stream_.device(), [&]<class P>(P) { step<P>(none, stream_); });
  stream_.synchronise();
  recorded_steps_ = std::min(steps_a_graph, (net_.count + net_.slots - 1) / net_.slots);
  graph_.emplace(stream_, [this] { put_steps(stream_, recorded_steps_); });
}

void OnDevice::carve_scratch() {
  const std::int64_t d = net_.at.d, slots = net_.slots, pairs = slots * net_.pairs_a_slot,
                     groups = net_.groups;
  float* next = scratch_.data();
  const auto take = [&next](float*& array, std::int64_t n) {
    array = next;
    next += n;
  };
  take(net_.W_tv_t, 4 * d * d);
  take(net_.W2_t, 2 * d * d);
  take(net_.x, 2 * d * slots);
  take(net_.dc, 2 * d * slots);
  take(net_.dx, 2 * d * slots);
  take(net_.h, 2 * d * pairs);
  take(net_.g, 2 * d * pairs);
  take(net_.q, d * pairs);
  take(net_.u, d * groups);
  take(net_.du, d * groups);
  take(net_.a, 2 * d * groups);
  take(net_.da, 2 * d * groups);
  take(net_.e_old, net_.at.d_group * groups);
  FEDFUSE_CHECK(next <= scratch_.data() + scratch_.size(), "a step's scratch fits its room");
}

void OnDevice::put_steps(const gpu::Stream& stream, std::int64_t steps) const {
  gpu::on_platform(stream.device(), [&]<class P>(P) {
    for (std::int64_t k = 0; k < steps; ++k) step<P>(net_, stream);
  });
}

std::span<std::int32_t> OnDevice::next_order() {
  return order_host_[turn_].first(std::size_t(net_.count));
}

void OnDevice::begin_epoch() {
  order_.copy_in(order_host_[turn_].first(std::size_t(net_.count)), stream_);
  state_host_[0] = {.steps = steps_before_};
  launch(stream_);
  state_.copy_out(state_host_.first(2).subspan(1), stream_);
  turn_ = 1 - turn_;
}

void OnDevice::launch(const gpu::Stream& stream) const {
  stream.device().copy_in(state_.data(), &state_host_[0], sizeof(GpuState), stream.handle());
  const auto steps = (net_.count + net_.slots - 1) / net_.slots;
  if (way_ == Way::together)
    return gpu::on_platform(stream.device(), [&]<class P>(P) {
      epoch<P>(net_, int(steps), stream.device().info().multiprocessors, stream);
    });
  for (std::int64_t k = 0; k < steps / recorded_steps_; ++k) graph_->launch(stream);
  put_steps(stream, steps % recorded_steps_);
}

double OnDevice::finish_epoch() {
  stream_.synchronise();
  const auto& state = state_host_[1];
  steps_before_ = state.steps;
  return state.squares / (double(net_.count) * double(net_.pairs_a_slot));
}

namespace {

double run_on(const std::shared_ptr<gpu::Device>& device, const Problem& p, Way way) {
  OnDevice on_device(device, p.shape, p.features, p.batching, p.adam ? Rule::adam : Rule::sgd, p.lr,
                     way);
  on_device.set_targets({p.targets, std::size_t(p.groups)});
  on_device.load(p.values, p.adam ? p.m : nullptr, p.adam ? p.v : nullptr,
                 p.adam ? p.steps : nullptr);
  std::copy_n(p.order, p.count(), on_device.next_order().data());
  on_device.begin_epoch();
  const double loss = on_device.finish_epoch();
  on_device.store(p.values, p.adam ? p.m : nullptr, p.adam ? p.v : nullptr,
                  p.adam ? p.steps : nullptr);
  return loss;
}

}  // namespace

double cuda(const Problem& p, Workspace&) {
  return run_on(gpu::open_cuda_device(0), p, Way::together);
}
double cuda_steps(const Problem& p, Workspace&) {
  return run_on(gpu::open_cuda_device(0), p, Way::steps);
}
double emulated(const Problem& p, Workspace&) {
  return run_on(gpu::open_emulated_device(), p, Way::together);
}
double emulated_steps(const Problem& p, Workspace&) {
  return run_on(gpu::open_emulated_device(), p, Way::steps);
}

}  // namespace fedfuse::teacher
