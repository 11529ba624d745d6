// The parameters in their two layouts, the host's and the device's, and the copies between them.
#include <algorithm>
#include <vector>

#include "kernels/teacher/teacher_gpu.hpp"

namespace fedfuse::teacher {
namespace {

constexpr std::int64_t whole(std::int64_t n) { return (n + 3) / 4 * 4; }

// A matrix at home in two layouts.
struct Part {
  std::size_t host;
  std::int64_t host_pitch, rows, cols;
  int device;
  std::int64_t device_pitch;
};

std::vector<Part> parts_of(const Shape& s, const Offsets& h, const GpuLayout& g) {
  const auto d = s.d;
  return {
      {.host = h.e,
       .host_pitch = s.d_group,
       .rows = s.groups,
       .cols = s.d_group,
       .device = g.e,
       .device_pitch = g.d_group},
      {.host = h.A_g,
       .host_pitch = s.d_group,
       .rows = d,
       .cols = s.d_group,
       .device = g.A_g,
       .device_pitch = g.d_group},
      {.host = h.a_g, .host_pitch = d, .rows = 1, .cols = d, .device = g.a_g, .device_pitch = d},
      {.host = h.A_t,
       .host_pitch = s.d_text,
       .rows = d,
       .cols = s.d_text,
       .device = g.A_t,
       .device_pitch = g.d_text},
      {.host = h.A_v,
       .host_pitch = s.d_image,
       .rows = d,
       .cols = s.d_image,
       .device = g.A_v,
       .device_pitch = g.d_image},
      {.host = h.a_t, .host_pitch = d, .rows = 1, .cols = d, .device = g.a_tv, .device_pitch = d},
      {.host = h.a_v,
       .host_pitch = d,
       .rows = 1,
       .cols = d,
       .device = g.a_tv + int(d),
       .device_pitch = d},
      {.host = h.W1,
       .host_pitch = 3 * d,
       .rows = 2 * d,
       .cols = d,
       .device = g.W_g,
       .device_pitch = d},
      {.host = h.W1 + std::size_t(d),
       .host_pitch = 3 * d,
       .rows = 2 * d,
       .cols = 2 * d,
       .device = g.W_tv,
       .device_pitch = 2 * d},
      {.host = h.b1,
       .host_pitch = 2 * d,
       .rows = 1,
       .cols = 2 * d,
       .device = g.b1,
       .device_pitch = 2 * d},
      {.host = h.W2,
       .host_pitch = 2 * d,
       .rows = d,
       .cols = 2 * d,
       .device = g.W2,
       .device_pitch = 2 * d},
      {.host = h.b2, .host_pitch = d, .rows = 1, .cols = d, .device = g.b2, .device_pitch = d}};
}

}  // namespace

GpuLayout gpu_layout(const Shape& s) {
  GpuLayout at;
  at.d = int(s.d);
  at.d_group = int(whole(s.d_group));
  at.d_text = int(whole(s.d_text));
  at.d_image = int(whole(s.d_image));
  at.groups = int(s.groups);
  const auto put = [&at](int& where, std::int64_t rows, std::int64_t cols) {
    where = at.size;
    at.size += int(rows * cols);
  };
  put(at.e, s.groups, at.d_group);
  put(at.A_g, s.d, at.d_group);
  put(at.a_g, 1, s.d);
  put(at.A_t, s.d, at.d_text);
  put(at.A_v, s.d, at.d_image);
  put(at.a_tv, 2, s.d);
  put(at.W_g, 2 * s.d, s.d);
  put(at.W_tv, 2 * s.d, 2 * s.d);
  put(at.b1, 2, s.d);
  put(at.W2, s.d, 2 * s.d);
  put(at.b2, 1, s.d);
  return at;
}

void OnDevice::load(const float* values, const float* m, const float* v, const float* steps) {
  const auto size = std::size_t(net_.at.size);
  const std::int64_t d = net_.at.d;
  std::vector<float> flat(size);
  const auto put = [&](const float* from, float* to) {
    std::ranges::fill(flat, 0.0f);
    for (const auto& p : parts_of(shape_, offsets_, net_.at))
      for (std::int64_t r = 0; r < p.rows; ++r)
        std::copy_n(from + std::int64_t(p.host) + r * p.host_pitch, p.cols,
                    &flat[std::size_t(p.device + r * p.device_pitch)]);
    stream_.device().copy_in(to, flat.data(), size * sizeof(float), stream_.handle());
    stream_.synchronise();
  };
  if (m != nullptr) {
    put(m, net_.m);
    put(v, net_.v);
  }
  put(values, net_.values);
  // flat holds the values: their transposed twins.
  std::vector<float> turned(std::size_t(6 * d * d));
  for (std::int64_t r = 0; r < 2 * d; ++r)
    for (std::int64_t c = 0; c < 2 * d; ++c)
      turned[std::size_t(c * 2 * d + r)] = flat[std::size_t(net_.at.W_tv + r * 2 * d + c)];
  for (std::int64_t r = 0; r < d; ++r)
    for (std::int64_t c = 0; c < 2 * d; ++c)
      turned[std::size_t(4 * d * d + c * d + r)] = flat[std::size_t(net_.at.W2 + r * 2 * d + c)];
  net_.W_tv_t = scratch_.data();
  net_.W2_t = net_.W_tv_t + 4 * d * d;  // they come first in the scratch
  stream_.device().copy_in(net_.W_tv_t, turned.data(), turned.size() * sizeof(float),
                           stream_.handle());
  // of embeddings that no group uses
  stream_.device().fill(net_.gradient, 0, size * sizeof(float), stream_.handle());
  stream_.synchronise();
  steps_before_ = steps == nullptr ? 0 : std::int64_t(*steps);
}

void OnDevice::get(const float* from, float* to) const {
  std::vector<float> flat(std::size_t(net_.at.size));
  stream_.device().copy_out(flat.data(), from, flat.size() * sizeof(float), stream_.handle());
  stream_.synchronise();
  for (const auto& p : parts_of(shape_, offsets_, net_.at))
    for (std::int64_t r = 0; r < p.rows; ++r)
      std::copy_n(&flat[std::size_t(p.device + r * p.device_pitch)], p.cols,
                  to + std::int64_t(p.host) + r * p.host_pitch);
}

void OnDevice::fetch_gradient(float* gradient) const { get(net_.gradient, gradient); }

void OnDevice::store(float* values, float* m, float* v, float* steps) const {
  get(net_.values, values);
  if (m != nullptr) {
    get(net_.m, m);
    get(net_.v, v);
  }
  if (steps != nullptr) *steps = float(steps_before_);
}

}  // namespace fedfuse::teacher
