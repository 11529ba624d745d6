#include "kernels/teacher/teacher_case.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse::teacher {
namespace {

void fill(std::span<float> x, double scale, const Rng& rng, std::uint32_t which) {
  for (std::size_t j = 0; j < x.size(); ++j)
    x[j] = float(scale * (2 * rng.uniform(j, which, 0) - 1));
}

// What stands in the row of a missing item must not matter: the worst is put there.
std::vector<std::uint8_t> leave_out(Array<float>& features, std::int64_t items, std::int64_t width,
                                    double missing, const Rng& rng, std::uint32_t which) {
  std::vector<std::uint8_t> has(static_cast<std::size_t>(items), 1);
  for (std::int64_t i = 0; i < items; ++i) {
    if (rng.uniform(std::uint64_t(i), which, 0) >= missing) continue;
    has[std::size_t(i)] = 0;
    std::fill_n(features.data() + i * width, width, std::numeric_limits<float>::quiet_NaN());
  }
  return has;
}

}  // namespace

Case::Case(const CaseShape& c, std::uint64_t seed) : shape_(c) {
  const Rng rng(seed, Purpose::test);
  const auto& s = c.shape;
  Offsets at;
  start_ = declare(s, at);
  std::uint32_t which = 0;
  for (const auto& entry : start_.entries()) {
    const double fan_in = std::sqrt(3.0 / double(std::max<std::int64_t>(1, entry.cols)));
    fill({start_.at(entry.at), entry.size()},
         entry.name == "e" ? 1.0
         : entry.rows > 1  ? fan_in
                           : 0.5,
         rng, which++);
  }
  values = start_.values;
  if (c.adam) {
    m.resize(values.size());
    v.resize(values.size());
    fill(m, 1e-3, rng, which++);
    fill(v, 1e-3, rng, which++);
    for (float& x : v) x = x * x;
    std::size_t end = 0;  // between the matrices there is nothing
    for (const auto& entry : start_.entries()) {
      std::fill(m.begin() + std::ptrdiff_t(end), m.begin() + std::ptrdiff_t(entry.at), 0.0f);
      std::fill(v.begin() + std::ptrdiff_t(end), v.begin() + std::ptrdiff_t(entry.at), 0.0f);
      end = entry.at + entry.size();
    }
    std::fill(m.begin() + std::ptrdiff_t(end), m.end(), 0.0f);
    std::fill(v.begin() + std::ptrdiff_t(end), v.end(), 0.0f);
    steps = 7;
  }
  text_.resize(std::size_t(s.items * s.d_text));
  image_.resize(std::size_t(s.items * s.d_image));
  fill(text_, 1, rng, which++);
  fill(image_, 1, rng, which++);
  has_text_ = leave_out(text_, s.items, s.d_text, c.missing, rng, 100);
  has_image_ = leave_out(image_, s.items, s.d_image, c.missing, rng, 101);
  for (std::int64_t l = 0; l < c.groups; ++l)
    fill(targets_.emplace_back(s.items, s.d).values, 1, rng, which++);
  for (const auto& target : targets_) pointers_.push_back(target.data());
  order_.resize(std::size_t(c.batching.epoch(c.groups, s.items)));
  std::iota(order_.begin(), order_.end(), 0);
  RngStream words(rng, 1, 0);
  for (std::size_t n = order_.size(); n > 1; --n)
    std::swap(order_[n - 1], order_[words.below(std::uint32_t(n))]);
}

Problem Case::problem() {
  Problem p;
  p.shape = shape_.shape;
  p.groups = shape_.groups;
  p.batching = shape_.batching;
  p.adam = shape_.adam;
  p.lr = shape_.lr;
  p.features.text = shape_.shape.d_text > 0 ? text_.data() : nullptr;
  p.features.image = shape_.shape.d_image > 0 ? image_.data() : nullptr;
  if (shape_.missing > 0) {
    p.features.has_text = has_text_.data();
    p.features.has_image = has_image_.data();
  }
  p.targets = pointers_.data();
  p.order = order_.data();
  p.values = values.data();
  p.m = m.data();
  p.v = v.data();
  p.steps = &steps;
  return p;
}

std::string Case::name() const {
  const auto& s = shape_.shape;
  return cat("M", s.items, "_G", shape_.groups, "of", s.groups, "_d", s.d, "_t", s.d_text, "_v",
             s.d_image, "_g", s.d_group, shape_.batching.by_items ? "_items" : "_pairs",
             shape_.batching.pairs, shape_.adam ? "_adam" : "_sgd",
             shape_.missing > 0 ? "_missing" : "");
}

std::vector<CaseShape> shapes_to_test() {
  // {groups, items, d, d_group, d_text, d_image}
  return {
      {.shape = {1, 1, 4, 1, 3, 2},
       .groups = 1,
       .batching = {true, 256},
       .adam = true,
       .missing = 0.0},
      {.shape = {3, 23, 8, 10, 12, 9},
       .groups = 3,
       .batching = {true, 30},
       .adam = true,
       .missing = 0.3},
      {.shape = {3, 23, 8, 10, 12, 9},
       .groups = 3,
       .batching = {false, 16},
       .adam = false,
       .missing = 0.3,
       .lr = 0.1},
      {.shape = {5, 12, 20, 6, 0, 16},
       .groups = 2,
       .batching = {true, 17},
       .adam = true,
       .missing = 0.0},
      {.shape = {4, 9, 12, 8, 16, 0},
       .groups = 4,
       .batching = {false, 7},
       .adam = true,
       .missing = 0.5},
      {.shape = {2, 10, 8, 5, 0, 0},
       .groups = 2,
       .batching = {false, 100},
       .adam = false,
       .missing = 0.0,
       .lr = 0.1},
      {.shape = {11, 6, 16, 12, 40, 24},
       .groups = 11,
       .batching = {true, 25},
       .adam = false,
       .missing = 0.2,
       .lr = 0.1},
      {.shape = {64, 3, 8, 9, 8, 8},
       .groups = 64,
       .batching = {true, 64},
       .adam = true,
       .missing = 0.2},
      {.shape = {5, 17, 64, 36, 300, 264},
       .groups = 5,
       .batching = {true, 40},
       .adam = true,
       .missing = 0.2},
      {.shape = {2, 5, 128, 20, 24, 520},
       .groups = 2,
       .batching = {false, 6},
       .adam = true,
       .missing = 0.2},
      {.shape = {2, 40, 16, 2100, 8, 8},
       .groups = 2,
       .batching = {false, 40},
       .adam = true,
       .missing = 0.1},
  };
}

}  // namespace fedfuse::teacher
