#include "kernels/preference/resident.hpp"

#include <cmath>
#include <vector>

namespace fedfuse::preference {
namespace {

constexpr std::int64_t whole(std::int64_t n) { return (n + 3) / 4 * 4; }

// A weight of the problem: which, and how many floats.
struct Weight {
  const float* Problem::* array;
  std::int64_t size;
};
std::vector<Weight> weights_of(const Problem& p) {
  const auto d = p.d;
  return {{&Problem::e, p.groups * p.d_group},
          {&Problem::A_g, d * p.d_group},
          {&Problem::a_g, d},
          {&Problem::A_t, d * p.d_text},
          {&Problem::a_t, d},
          {&Problem::A_v, d * p.d_image},
          {&Problem::a_v, d},
          {&Problem::W1, 6 * d * d},
          {&Problem::b1, 2 * d},
          {&Problem::W2, 2 * d * d},
          {&Problem::b2, d},
          {&Problem::w, p.groups * d},
          {&Problem::b, p.groups}};
}
std::int64_t weight_floats(const Problem& p) {
  std::int64_t n = 0;
  for (const auto& weight : weights_of(p)) n += whole(weight.size);
  return n;
}

std::int64_t unit_halves(const Problem& p) {
  gpu::DeviceInfo any;  // how many units there are does not depend on it
  any.shared_per_block = std::size_t(1) << 30;
  return unit_halves(gpu_plan(p, any), p.d);
}
std::int64_t scratch_floats(const Problem& p) { return p.groups * (4 * p.d + 1); }

bool fits_half(const float* features, const std::uint8_t* has, std::int64_t items,
               std::int64_t width) {
  constexpr float most = 65504.0f;
  int beyond = 0;
#pragma omp parallel for schedule(static) reduction(| : beyond)
  for (std::int64_t i = 0; i < items; ++i) {
    if (has != nullptr && has[i] == 0) continue;
    for (std::int64_t k = 0; k < width; ++k)
      beyond |= int(!(std::abs(features[i * width + k]) <= most));
  }
  return beyond == 0;
}

}  // namespace

bool Resident::serves(const Problem& p) {
  return serves_fused(p) && fits_half(p.text, p.has_text, p.items, p.d_text) &&
         fits_half(p.image, p.has_image, p.items, p.d_image);
}

std::size_t Resident::bytes(const Problem& p) {
  const std::int64_t halves = p.items * (p.d_text + p.d_image) + unit_halves(p),
                     floats = weight_floats(p) + scratch_floats(p) + p.groups * p.items;
  return std::size_t(
      2 * halves + 4 * floats +
      p.items * (std::int64_t(p.has_text != nullptr) + std::int64_t(p.has_image != nullptr)));
}

Resident::Resident(const std::shared_ptr<gpu::Device>& device, const Problem& p) : features_(p) {
  const gpu::Stream stream(device);
  (void)gpu_plan(p, device->info());
  text_ = in_half(p.text, p.items * p.d_text, stream);
  image_ = in_half(p.image, p.items * p.d_image, stream);
  const auto put_mask = [&](gpu::Buffer<std::uint8_t>& to, const std::uint8_t*& has) {
    if (has == nullptr) return;
    to = gpu::to_device(stream, std::span(has, std::size_t(p.items)));
    has = to.data();
  };
  put_mask(has_text_, features_.has_text);
  put_mask(has_image_, features_.has_image);
  units_ = {device, std::size_t(unit_halves(p))};
  weights_ = {device, std::size_t(weight_floats(p))};
  scratch_ = {device, std::size_t(scratch_floats(p))};
  pref_ = {device, std::size_t(p.groups * p.items)};
}

void Resident::run(const Problem& to, const gpu::Stream& stream) {
  FEDFUSE_CHECK(to.items == features_.items && to.groups <= features_.groups,
                "the features that were kept are of this problem");
  auto p = to;
  p.text = p.image = nullptr;
  p.has_text = features_.has_text;
  p.has_image = features_.has_image;
  float* next = weights_.data();
  for (const auto& weight : weights_of(p)) {
    if (weight.size > 0)
      stream.device().copy_in(next, p.*weight.array, std::size_t(weight.size) * sizeof(float),
                              stream.handle());
    p.*weight.array = next;
    next += whole(weight.size);
  }
  p.pref = pref_.data();
  p.pref_stride = p.items;
  const auto plan = gpu_plan(p, stream.device().info());
  const GpuScratch scratch{units_.data(), scratch_.data(), scratch_.data() + p.groups * 4 * p.d};
  gpu::on_platform(stream.device(), [&]<class P>(P) {
    fused<P>(p, {text_.data(), image_.data()}, plan, scratch, stream);
  });
  for (std::int64_t l = 0; l < to.groups; ++l)
    pref_.copy_out({to.pref + l * to.pref_stride, std::size_t(to.items)}, stream,
                   std::size_t(l * to.items));
  stream.synchronise();
}

}  // namespace fedfuse::preference
