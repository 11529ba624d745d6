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

std::vector<Half> to_half(const float* x, std::int64_t n) {
  std::vector<Half> out(static_cast<std::size_t>(n));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < n; ++k) out[std::size_t(k)] = std::bit_cast<Half>(static_cast<_Float16>(x[k]));
  return out;
}

// The problem's arrays on a device, without the features.
class Uploaded {
 public:
  Uploaded(const Problem& p, const gpu::Stream& stream) : problem(p), stream_(stream) {
    const auto put = [&](const float*& array, std::int64_t n) {
      weights_.push_back(gpu::to_device(stream, floats(array, n)));
      array = weights_.back().data();
    };
    const auto d = p.d, G = p.groups;
    put(problem.e, G * p.d_group), put(problem.A_g, d * p.d_group), put(problem.a_g, d), put(problem.A_t, d * p.d_text), put(problem.a_t, d);
    put(problem.A_v, d * p.d_image), put(problem.a_v, d), put(problem.W1, 6 * d * d), put(problem.b1, 2 * d), put(problem.W2, 2 * d * d);
    put(problem.b2, d), put(problem.w, G * d), put(problem.b, G);
    const auto put_mask = [&](const std::uint8_t*& mask) {
      if (mask == nullptr) return;
      masks_.push_back(gpu::to_device(stream, std::span(mask, std::size_t(p.items))));
      mask = masks_.back().data();
    };
    put_mask(problem.has_text), put_mask(problem.has_image);
    pref_ = gpu::Buffer<float>(stream.shared_device(), std::size_t(G * p.items));
    problem.pref = pref_.data(), problem.pref_stride = p.items;
  }
  void features(const Problem& p) {
    weights_.push_back(gpu::to_device(stream_, floats(p.text, p.items * p.d_text)));
    problem.text = weights_.back().data();
    weights_.push_back(gpu::to_device(stream_, floats(p.image, p.items * p.d_image)));
    problem.image = weights_.back().data();
  }
  void download(const Problem& to) const {
    for (std::int64_t l = 0; l < to.groups; ++l)
      pref_.copy_out({to.pref + l * to.pref_stride, std::size_t(to.items)}, stream_, std::size_t(l * to.items));
    stream_.synchronise();
  }
  Problem problem;

 private:
  const gpu::Stream& stream_;
  std::vector<gpu::Buffer<float>> weights_;
  std::vector<gpu::Buffer<std::uint8_t>> masks_;
  gpu::Buffer<float> pref_;
};

void fused_on(const std::shared_ptr<gpu::Device>& device, const Problem& p) {
  const auto plan = gpu_plan(p, device->info());
  const gpu::Stream stream(device);
  const Uploaded on_device(p, stream);
  const auto text = gpu::to_device<Half>(stream, to_half(p.text, p.items * p.d_text));
  const auto image = gpu::to_device<Half>(stream, to_half(p.image, p.items * p.d_image));
  const auto wide = std::size_t(p.groups * 2 * p.d);
  const gpu::Buffer<Half> units(device, std::size_t(plan.units() * p.d * unit_columns));
  const gpu::Buffer<float> a(device, wide), v(device, wide), constant(device, std::size_t(p.groups));
  const GpuScratch scratch{units.data(), a.data(), v.data(), constant.data()};
  gpu::on_platform(*device, [&]<class P>(P) { fused<P>(on_device.problem, {text.data(), image.data()}, plan, scratch, stream); });
  on_device.download(p);
}

void naive_on(const std::shared_ptr<gpu::Device>& device, const Problem& p) {
  const gpu::Stream stream(device);
  Uploaded on_device(p, stream);
  on_device.features(p);
  gpu::on_platform(*device, [&]<class P>(P) { naive<P>(on_device.problem, stream); });
  on_device.download(p);
}

}  // namespace

bool serves_fused(const Problem& p) {
  return (p.d == 32 || p.d == 64 || p.d == 128) && p.groups >= 1 && p.groups <= 64 && p.d_text % 8 == 0 && p.d_image % 8 == 0;
}

GpuPlan gpu_plan(const Problem& p, const gpu::DeviceInfo& device) {
  if (!serves_fused(p))
    throw InputError(cat("preferences of ", p.groups, " groups with d = ", p.d, ", features ", p.d_text, " and ", p.d_image,
                         " wide, cannot be computed on a device"),
                     "the tensor-core kernel takes d = 32, 64 or 128, up to 64 groups, and rows of whole 16 bytes in half precision",
                     "use such sizes, or --device cpu");
  const auto units_of = [](std::int64_t width) { return int((width + unit_columns - 1) / unit_columns); };
  GpuPlan plan;
  plan.text_units = units_of(p.d_text), plan.image_units = units_of(p.d_image);
  plan.mixing_units = ((p.d_text > 0 ? 1 : 0) + (p.d_image > 0 ? 1 : 0)) * int(p.d) / unit_columns;
  plan.threads = most_threads(int(p.d));
  const int warps = plan.threads / 32;
  const std::size_t unit = std::size_t(p.d) * unit_columns * sizeof(Half), logits = std::size_t(warps * p.groups * tile_items) * sizeof(float);
  plan.resident = plan.units() * unit + logits <= device.shared_per_block;
  plan.shared_bytes = (plan.resident ? std::size_t(plan.units()) : 4) * unit + logits;
  FEDFUSE_CHECK(plan.shared_bytes <= device.shared_per_block, "four units of weights and the logits fit a block's shared memory");
  const std::int64_t tiles = (p.items + warps * tile_items - 1) / (warps * tile_items);
  plan.blocks = int(std::min<std::int64_t>(tiles, device.multiprocessors));  // registers allow one block each
  return plan;
}

void cuda_fused(const Problem& p) { fused_on(gpu::open_cuda_device(0), p); }
void cuda_naive(const Problem& p) { naive_on(gpu::open_cuda_device(0), p); }
void emulated_fused(const Problem& p) { fused_on(gpu::open_emulated_device(), p); }
void emulated_naive(const Problem& p) { naive_on(gpu::open_emulated_device(), p); }

}  // namespace fedfuse::preference
