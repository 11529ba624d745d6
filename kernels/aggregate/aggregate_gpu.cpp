// The device variants as rows of the table: a problem in host memory there and back.
#include "kernels/aggregate/aggregate_gpu.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "core/matrix.hpp"
#include "kernels/aggregate/finish.hpp"

namespace fedfuse::aggregate {
namespace {

void run(const std::shared_ptr<gpu::Device>& device, GpuMethod method, const Problem& p, double* next) {
  const gpu::Stream stream(device);
  const std::int64_t first = p.offsets[0], count = p.updates();
  const auto size = std::size_t(p.items * p.width);
  std::vector<std::int32_t> owner;
  for (std::int64_t u = 0; u < p.clients; ++u) owner.insert(owner.end(), std::size_t(p.offsets[u + 1] - p.offsets[u]), std::int32_t(u));
  const auto fixed = FixedPoint::for_total_weight(p.total_weight());
  const auto ids = gpu::to_device(stream, std::span(p.ids + first, std::size_t(count)));
  const auto delta = gpu::to_device(stream, std::span(p.delta + first * p.width, std::size_t(count * p.width)));
  const auto owners = gpu::to_device(stream, std::span(static_cast<const std::int32_t*>(owner.data()), owner.size()));
  const auto weight = gpu::to_device(stream, std::span(p.weight, std::size_t(p.clients)));
  const bool exact = method != GpuMethod::float_atomics;
  gpu::Buffer<std::int64_t> sums(device, exact ? size : 0);
  gpu::Buffer<float> float_sums(device, exact ? 0 : size);
  gpu::Buffer<std::int32_t> misfit(device, std::size_t(p.clients)),
      scratch(device, method == GpuMethod::sorted ? std::size_t(sort_scratch(p.items, count)) : 0);
  sums.fill_bytes(0, stream), float_sums.fill_bytes(0, stream), misfit.fill_bytes(0, stream);

  GpuUpdates u{p.items,       p.width,     count,   ids.data(),  delta.data(),      owners.data(),
               weight.data(), fixed.scale, nullptr, sums.data(), float_sums.data(), float(1.0 / double(p.total_weight())),
               misfit.data()};
  gpu::on_platform(*device, [&]<class P>(P) { add_updates<P>(method, u, scratch.data(), stream); });

  std::vector<std::int32_t> refused(misfit.size());
  misfit.copy_out(refused, stream);
  Array<std::int64_t> total(exact ? size : 0);
  Array<float> float_total(exact ? 0 : size);
  sums.copy_out(total, stream), float_sums.copy_out(float_total, stream);
  stream.synchronise();
  if (std::ranges::find(refused, 1) != refused.end()) throw_misfit();
  if (exact)
    finish(p, fixed, total, next);
  else
    finish_float(p, float_total, next);
}

}  // namespace

void cuda_atomics(const Problem& p, double* next) { run(gpu::open_cuda_device(0), GpuMethod::atomics, p, next); }
void cuda_sorted(const Problem& p, double* next) { run(gpu::open_cuda_device(0), GpuMethod::sorted, p, next); }
void cuda_float_atomics(const Problem& p, double* next) { run(gpu::open_cuda_device(0), GpuMethod::float_atomics, p, next); }
void emulated_atomics(const Problem& p, double* next) { run(gpu::open_emulated_device(), GpuMethod::atomics, p, next); }
void emulated_sorted(const Problem& p, double* next) { run(gpu::open_emulated_device(), GpuMethod::sorted, p, next); }
void emulated_float_atomics(const Problem& p, double* next) { run(gpu::open_emulated_device(), GpuMethod::float_atomics, p, next); }

}  // namespace fedfuse::aggregate
