// The device variants as rows of the table: a problem in host memory there and back.
#include "kernels/aggregate/aggregate_gpu.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "core/matrix.hpp"
#include "kernels/aggregate/finish.hpp"

namespace fedfuse::aggregate {

double launch_bytes(GpuMethod method, const Problem& p) {
  const auto updates = p.updates();
  const double a_sum = method == GpuMethod::float_atomics ? sizeof(float) : sizeof(std::int64_t);
  std::int64_t rows_met = updates;
  if (method == GpuMethod::sorted) {
    std::vector<std::uint8_t> touched(std::size_t(p.items));
    for (const auto row : std::span(p.ids + p.offsets[0], std::size_t(updates)))
      touched[std::size_t(row)] = 1;
    rows_met = std::ranges::count(touched, 1);
  }
  const double a_weight = p.by_counts ? sizeof(std::int32_t) + 2 * sizeof(std::int64_t) : 0;
  return double(updates) * (sizeof(std::int32_t) + sizeof(float) * p.width + a_weight) +
         2 * a_sum * double(rows_met) * p.width;
}

OnDevice::OnDevice(const std::shared_ptr<gpu::Device>& device, GpuMethod method, const Problem& p)
    : problem_(p), method_(method), fixed_(FixedPoint::for_total_weight(p.total_weight())) {
  const gpu::Stream stream(device);
  const std::int64_t first = p.offsets[0], count = p.updates();
  const auto size = std::size_t(p.items * p.width);
  const bool exact = method != GpuMethod::float_atomics;
  std::vector<std::int32_t> owner;
  for (std::int64_t u = 0; u < p.clients; ++u)
    owner.insert(owner.end(), std::size_t(p.offsets[u + 1] - p.offsets[u]), std::int32_t(u));
  ids_ = gpu::to_device(stream, std::span(p.ids + first, std::size_t(count)));
  delta_ =
      gpu::to_device(stream, std::span(p.delta + first * p.width, std::size_t(count * p.width)));
  owner_ = gpu::to_device(stream, std::span<const std::int32_t>(owner));
  weight_ = gpu::to_device(stream, std::span(p.weight, std::size_t(p.clients)));
  sums_ = gpu::Buffer<std::int64_t>(device, exact ? size : 0);
  float_sums_ = gpu::Buffer<float>(device, exact ? 0 : size);
  row_weight_ = gpu::Buffer<std::int64_t>(device, p.by_counts ? std::size_t(p.items) : 0);
  misfit_ = gpu::Buffer<std::int32_t>(device, std::size_t(p.clients));
  scratch_ = gpu::Buffer<std::int32_t>(
      device, method == GpuMethod::sorted ? std::size_t(sort_scratch(p.items, count)) : 0);
  sums_.fill_bytes(0, stream);
  float_sums_.fill_bytes(0, stream);
  row_weight_.fill_bytes(0, stream);
  misfit_.fill_bytes(0, stream);
  stream.synchronise();
  updates_.rows = p.items;
  updates_.width = p.width;
  updates_.count = count;
  updates_.ids = ids_.data();
  updates_.delta = delta_.data();
  updates_.owner = owner_.data();
  updates_.weight = weight_.data();
  updates_.scale = fixed_.scale;
  updates_.sums = sums_.data();
  updates_.row_weight = p.by_counts ? row_weight_.data() : nullptr;
  updates_.misfit = misfit_.data();
  updates_.float_sums = float_sums_.data();
  updates_.inverse_total = float(1.0 / double(p.total_weight()));
}

void OnDevice::launch(const gpu::Stream& stream) const {
  gpu::on_platform(stream.device(),
                   [&]<class P>(P) { add_updates<P>(method_, updates_, scratch_.data(), stream); });
}

void OnDevice::finish(const gpu::Stream& stream, double* next) const {
  std::vector<std::int32_t> refused(misfit_.size());
  Array<std::int64_t> total(sums_.size());
  Array<float> float_total(float_sums_.size());
  std::vector<std::int64_t> row_weight(row_weight_.size());
  misfit_.copy_out(refused, stream);
  sums_.copy_out(total, stream);
  float_sums_.copy_out(float_total, stream);
  row_weight_.copy_out(row_weight, stream);
  stream.synchronise();
  if (std::ranges::any_of(refused, [](auto bits) { return bits != 0; })) throw_misfit();
  if (method_ != GpuMethod::float_atomics)
    aggregate::finish(problem_, fixed_, total, row_weight, next);
  else
    finish_float(problem_, float_total, row_weight, next);
}

namespace {

void run(const std::shared_ptr<gpu::Device>& device, GpuMethod method, const Problem& p,
         double* next) {
  const gpu::Stream stream(device);
  const OnDevice problem(device, method, p);
  problem.launch(stream);
  problem.finish(stream, next);
}

}  // namespace

void cuda_atomics(const Problem& p, double* next) {
  run(gpu::open_cuda_device(0), GpuMethod::atomics, p, next);
}
void cuda_sorted(const Problem& p, double* next) {
  run(gpu::open_cuda_device(0), GpuMethod::sorted, p, next);
}
void cuda_float_atomics(const Problem& p, double* next) {
  run(gpu::open_cuda_device(0), GpuMethod::float_atomics, p, next);
}
void emulated_atomics(const Problem& p, double* next) {
  run(gpu::open_emulated_device(), GpuMethod::atomics, p, next);
}
void emulated_sorted(const Problem& p, double* next) {
  run(gpu::open_emulated_device(), GpuMethod::sorted, p, next);
}
void emulated_float_atomics(const Problem& p, double* next) {
  run(gpu::open_emulated_device(), GpuMethod::float_atomics, p, next);
}

}  // namespace fedfuse::aggregate
