// The plan of a call, and the device variants of the table: from host memory and back.
#include "kernels/preference/preference_gpu.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::preference {
namespace {

std::span<const float> floats(const float* p, std::int64_t n) { return {p, std::size_t(n)}; }

}  // namespace

gpu::Buffer<Half> in_half(const float* x, std::int64_t n, const gpu::Stream& stream) {
  gpu::Buffer<Half> to(stream.shared_device(), std::size_t(n));
  // the numbers may be as many as the host's memory allows
  constexpr std::int64_t at_once = std::int64_t(1) << 22;
  std::vector<Half> half;
  for (std::int64_t first = 0; first < n; first += at_once) {
    half.resize(std::size_t(std::min(at_once, n - first)));
#pragma omp parallel for schedule(static)
    for (std::size_t k = 0; k < half.size(); ++k)
      half[k] = std::bit_cast<Half>(static_cast<_Float16>(x[first + std::int64_t(k)]));
    stream.device().copy_in(to.data() + first, half.data(), half.size() * sizeof(Half),
                            stream.handle());
    stream.synchronise();
  }
  return to;
}

bool serves_blas(const Problem& p) {
  return p.d % 8 == 0 && p.d_text % 8 == 0 && p.d_image % 8 == 0;
}

bool serves_fused(const Problem& p) {
  return (p.d == 32 || p.d == 64 || p.d == 128) && p.groups >= 1 && p.groups <= 64 &&
         p.d_text % 8 == 0 && p.d_image % 8 == 0;
}

GpuPlan gpu_plan(const Problem& p, const gpu::DeviceInfo& device) {
  if (!serves_fused(p))
    throw InputError(cat("preferences of ", p.groups, " groups with d = ", p.d, ", features ",
                         p.d_text, " and ", p.d_image, " wide, cannot be computed on a device"),
                     "the tensor-core kernel takes d = 32, 64 or 128, up to 64 groups, and rows of "
                     "whole 16 bytes in half precision",
                     "use such sizes, or --device cpu");
  const auto units_of = [](std::int64_t width) {
    return int((width + unit_columns - 1) / unit_columns);
  };
  GpuPlan plan;
  plan.text_units = units_of(p.d_text);
  plan.image_units = units_of(p.d_image);
  plan.mixing_units = ((p.d_text > 0 ? 1 : 0) + (p.d_image > 0 ? 1 : 0)) * int(p.d) / unit_columns;
  plan.threads = most_threads(int(p.d));
  const int warps = plan.threads / 32;
  const std::size_t unit = std::size_t(p.d) * unit_columns * sizeof(Half),
                    logits = halves_at_once(int(p.d)) == 2
                                 ? 0
                                 : std::size_t(warps * p.groups * tile_items) * sizeof(float);
  plan.resident = plan.units() * unit + logits <= device.shared_per_block;
  plan.shared_bytes = (plan.resident ? std::size_t(plan.units()) : 4) * unit + logits;
  FEDFUSE_CHECK(plan.shared_bytes <= device.shared_per_block,
                "four units of weights and the logits fit a block's shared memory");
  const std::int64_t tiles = (p.items + warps * tile_items - 1) / (warps * tile_items);
  // registers allow one block each
  plan.blocks = int(std::min<std::int64_t>(tiles, device.multiprocessors));
  return plan;
}

void OnDevice::put(const float*& array, std::int64_t n, const gpu::Stream& stream) {
  floats_.push_back(gpu::to_device(stream, floats(array, n)));
  array = floats_.back().data();
}
void OnDevice::put_mask(const std::uint8_t*& mask, const gpu::Stream& stream) {
  if (mask == nullptr) return;
  masks_.push_back(gpu::to_device(stream, std::span(mask, std::size_t(problem_.items))));
  mask = masks_.back().data();
}

OnDevice::OnDevice(const std::shared_ptr<gpu::Device>& device, Form form, const Problem& p)
    : form_(form), problem_(p), gemm_(*device) {
  const gpu::Stream stream(device);
  const auto d = p.d, G = p.groups;
  if (form == Form::fused) plan_ = gpu_plan(p, device->info());
  if (form == Form::blas && !serves_blas(p))
    throw InputError("these preferences cannot be computed with cuBLAS in half precision",
                     "rows must be whole 16 bytes", "use multiples of 8 for d, d_text and d_image");
  auto& q = problem_;
  put(q.e, G * p.d_group, stream);
  put(q.A_g, d * p.d_group, stream);
  put(q.a_g, d, stream);
  put(q.A_t, d * p.d_text, stream);
  put(q.a_t, d, stream);
  put(q.A_v, d * p.d_image, stream);
  put(q.a_v, d, stream);
  put(q.W1, 6 * d * d, stream);
  put(q.b1, 2 * d, stream);
  put(q.W2, 2 * d * d, stream);
  put(q.b2, d, stream);
  put(q.w, G * d, stream);
  put(q.b, G, stream);
  put_mask(q.has_text, stream);
  put_mask(q.has_image, stream);
  pref_ = gpu::Buffer<float>(device, std::size_t(G * p.items));
  q.pref = pref_.data();
  q.pref_stride = p.items;
  if (form == Form::naive) {
    put(q.text, p.items * p.d_text, stream);
    put(q.image, p.items * p.d_image, stream);
    return;
  }
  text_ = in_half(p.text, p.items * p.d_text, stream);
  image_ = in_half(p.image, p.items * p.d_image, stream);
  if (form == Form::blas) make_room_for_blas(device, stream);
  units_ = gpu::Buffer<Half>(device, std::size_t(unit_halves(plan_, d)));
  table_ = gpu::Buffer<float>(device, std::size_t(G * 4 * d));
  constant_ = gpu::Buffer<float>(device, std::size_t(G));
}

void OnDevice::make_room_for_blas(const std::shared_ptr<gpu::Device>& device,
                                  const gpu::Stream& stream) {
  const auto d = problem_.d,
             modalities = std::int64_t(problem_.d_text > 0) + std::int64_t(problem_.d_image > 0);
  const auto halves = [&](std::int64_t n) { return gpu::Buffer<Half>(device, std::size_t(n)); };
  text_encoder_ = halves(d * problem_.d_text);
  image_encoder_ = halves(d * problem_.d_image);
  mixing_ = halves(2 * d * d * modalities);
  encoded_ = halves(problem_.items * d * modalities);
  mixed_ = gpu::Buffer<float>(device, std::size_t(problem_.items * 2 * d));
  mixed_.fill_bytes(0, stream);
  stream.synchronise();
}

void OnDevice::launch(const gpu::Stream& stream) const {
  const HalfFeatures features{text_.data(), image_.data()};
  const GpuScratch scratch{units_.data(), table_.data(), constant_.data()};
  gpu::on_platform(stream.device(), [&]<class P>(P) {
    if (form_ == Form::naive) return naive<P>(problem_, stream);
    if (form_ == Form::fused) return fused<P>(problem_, features, plan_, scratch, stream);
    const BlasScratch room{.groups = scratch,
                           .text_encoder = text_encoder_.data(),
                           .image_encoder = image_encoder_.data(),
                           .mixing = mixing_.data(),
                           .encoded = encoded_.data(),
                           .mixed = mixed_.data()};
    with_blas<P>(problem_, features, room, gemm_, stream);
  });
}

void OnDevice::finish(const gpu::Stream& stream, const Problem& to) const {
  for (std::int64_t l = 0; l < to.groups; ++l)
    pref_.copy_out({to.pref + l * to.pref_stride, std::size_t(to.items)}, stream,
                   std::size_t(l * to.items));
  stream.synchronise();
}

namespace {

void run_on(const std::shared_ptr<gpu::Device>& device, OnDevice::Form form, const Problem& p) {
  const gpu::Stream stream(device);
  const OnDevice problem(device, form, p);
  problem.launch(stream);
  problem.finish(stream, p);
}

}  // namespace

void cuda_fused(const Problem& p) { run_on(gpu::open_cuda_device(0), OnDevice::Form::fused, p); }
void cuda_blas(const Problem& p) { run_on(gpu::open_cuda_device(0), OnDevice::Form::blas, p); }
void cuda_naive(const Problem& p) { run_on(gpu::open_cuda_device(0), OnDevice::Form::naive, p); }
void emulated_fused(const Problem& p) {
  run_on(gpu::open_emulated_device(), OnDevice::Form::fused, p);
}
void emulated_blas(const Problem& p) {
  run_on(gpu::open_emulated_device(), OnDevice::Form::blas, p);
}
void emulated_naive(const Problem& p) {
  run_on(gpu::open_emulated_device(), OnDevice::Form::naive, p);
}

}  // namespace fedfuse::preference
