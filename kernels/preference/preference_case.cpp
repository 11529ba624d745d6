#include "kernels/preference/preference_case.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse::preference {
namespace {

Array<float> uniform(std::int64_t n, double scale, std::uint64_t seed, std::uint32_t which) {
  const Rng rng(seed, Purpose::test);
  Array<float> x(static_cast<std::size_t>(n));
  for (std::size_t j = 0; j < x.size(); ++j)
    x[j] = float(scale * (2 * rng.uniform(j, which, 0) - 1));
  return x;
}

double fan_in(std::int64_t width) { return std::sqrt(3.0 / double(width > 0 ? width : 1)); }

// What stands in the row of a missing item must not matter: the worst is put there.
std::vector<std::uint8_t> leave_out(Array<float>& features, std::int64_t items, std::int64_t width,
                                    double missing, std::uint64_t seed, std::uint32_t which) {
  const Rng rng(seed, Purpose::test);
  std::vector<std::uint8_t> has(static_cast<std::size_t>(items), 1);
  for (std::int64_t i = 0; i < items; ++i) {
    if (rng.uniform(std::uint64_t(i), which, 0) >= missing) continue;
    has[std::size_t(i)] = 0;
    for (std::int64_t k = 0; k < width; ++k) features[std::size_t(i * width + k)] = 1e30f;
  }
  return has;
}

}  // namespace

Case::Case(const Shape& s, std::uint64_t seed) : shape_(s) {
  std::uint32_t which = 0;
  const auto on_grid = [&](Array<float>& x, double step) {
    for (float& value : x)
      value = float(step * std::clamp(std::round(double(value) / step), -2.0, 2.0));
  };
  const auto make = [&](std::int64_t n, double scale) { return uniform(n, scale, seed, which++); };
  e_ = make(s.groups * s.d_group, 1);
  A_g_ = make(s.d * s.d_group, fan_in(s.d_group));
  a_g_ = make(s.d, 0.5);
  A_t_ = make(s.d * s.d_text, fan_in(s.d_text));
  a_t_ = make(s.d, 0.5);
  A_v_ = make(s.d * s.d_image, fan_in(s.d_image));
  a_v_ = make(s.d, 0.5);
  W1_ = make(2 * s.d * 3 * s.d, fan_in(3 * s.d));
  b1_ = make(2 * s.d, 0.5);
  W2_ = make(s.d * 2 * s.d, fan_in(2 * s.d));
  b2_ = make(s.d, 0.5);
  w_ = make(s.groups * s.d, 2 * fan_in(s.d));
  b_ = make(s.groups, 0.5);
  text_ = make(s.items * s.d_text, 1);
  image_ = make(s.items * s.d_image, 1);
  if (s.exact_in_half) {
    for (auto* x : {&A_t_, &A_v_, &text_, &image_}) on_grid(*x, 0.5);
    on_grid(W1_, 0x1p-4);
  }
  has_text_ = leave_out(text_, s.items, s.d_text, s.missing, seed, 100);
  has_image_ = leave_out(image_, s.items, s.d_image, s.missing, seed, 101);
  pref_.assign(std::size_t(s.groups * s.items), std::numeric_limits<float>::quiet_NaN());
}

Problem Case::problem() {
  const auto& s = shape_;
  Problem p;
  p.items = s.items;
  p.groups = s.groups;
  p.d = s.d;
  p.d_group = s.d_group;
  p.d_text = s.d_text;
  p.d_image = s.d_image;
  p.e = e_.data();
  p.A_g = A_g_.data();
  p.a_g = a_g_.data();
  p.A_t = A_t_.data();
  p.a_t = a_t_.data();
  p.A_v = A_v_.data();
  p.a_v = a_v_.data();
  p.W1 = W1_.data();
  p.b1 = b1_.data();
  p.W2 = W2_.data();
  p.b2 = b2_.data();
  p.w = w_.data();
  p.b = b_.data();
  p.text = text_.data();
  p.image = image_.data();
  if (s.missing > 0) {
    p.has_text = has_text_.data();
    p.has_image = has_image_.data();
  }
  p.pref = pref_.data();
  p.pref_stride = s.items;
  return p;
}

std::string Case::name() const {
  const auto& s = shape_;
  return cat("M", s.items, "_G", s.groups, "_d", s.d, "_t", s.d_text, "_v", s.d_image, "_g",
             s.d_group, s.missing > 0 ? "_missing" : "");
}

std::vector<Shape> shapes_to_test() {
  return {
      {1, 5, 64, 512, 512, 512, 0.0}, {257, 2, 64, 512, 512, 512, 0.2},
      {300, 1, 32, 128, 0, 64, 0.0},  {300, 3, 32, 0, 128, 64, 0.3},
      {37, 64, 64, 96, 36, 32, 0.5},  {60, 7, 128, 260, 64, 16, 0.1},
      {13, 3, 8, 12, 4, 10, 0.4},     {40, 2, 4, 0, 0, 8, 0.0},
      {512, 3, 64, 64, 64, 128, 0.0},
  };
}

}  // namespace fedfuse::preference
