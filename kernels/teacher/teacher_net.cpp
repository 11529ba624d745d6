#include "kernels/teacher/teacher_net.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "kernels/dense/dense.hpp"

namespace fedfuse::teacher {
namespace {

using dense::view;

void at_least(Array<float>& buffer, std::int64_t size) {
  if (std::int64_t(buffer.size()) < size) buffer.resize(std::size_t(size));
}

// Rows of 2 KiB would all fall on the same few lines of the first cache.
std::int64_t row_stride(std::int64_t width) { return width == 0 ? 0 : width + 16; }

}  // namespace

void Net::bind(const Problem& p) {
  const auto& s = p.shape;
  const bool other_shape = gradient_.empty() || s != problem_.shape;
  problem_ = p;
  if (!other_shape) return;
  gradient_.assign(declare(s, at_).values.size(), 0.0f);
  slot_of_item_.assign(std::size_t(s.items), -1);
  for (auto* wide : {&a_, &da_}) wide->resize(std::size_t(s.groups * 2 * s.d));
  g_.resize(std::size_t(s.groups * s.d));
}

double Net::step(std::span<const Pair> pairs) {
  const double loss = backward(pairs);
  const auto& p = problem_;
  const auto state = p.adam ? OptimizerState{p.m, p.v, p.steps} : OptimizerState{};
  optimizer_step(float(p.lr), state, {p.values, gradient_.size()}, gradient_);
  return loss;
}

void Net::find_distinct_items(std::span<const Pair> pairs) {
  items_.clear();
  slot_.clear();
  for (const auto& pair : pairs) {
    auto& slot = slot_of_item_[std::size_t(pair.item)];
    if (slot < 0) {
      slot = std::int32_t(items_.size());
      items_.push_back(pair.item);
    }
    slot_.push_back(slot);
  }
  for (const auto item : items_) slot_of_item_[std::size_t(item)] = -1;
}

// c of every distinct item, a of every group.
void Net::encode() {
  const auto& s = problem_.shape;
  const auto d = s.d, u = std::int64_t(items_.size());
  const auto through = [&](dense::ConstView x, std::size_t W, std::int64_t out, std::int64_t stride,
                           dense::View y) {
    dense::pack(view(value(W), out, x.cols, stride), packed_);
    dense::multiply_by_transposed(x, packed_, y);
  };
  const auto branch = [&](Array<float>& x, const float* features, const std::uint8_t* has,
                          std::size_t A, std::size_t bias, std::int64_t width, float* out) {
    at_least(x, u * row_stride(width));
    const auto rows = view(x.data(), u, width, row_stride(width));
    const auto y = view(out, u, d, 2 * d);
    if (width > 0) dense::gather_present(features, has, items_.data(), rows);
    through(rows, A, d, width, y);
    dense::add_row(y, value(bias));
  };
  at_least(encoded_, u * 2 * d);
  at_least(c_, u * 2 * d);
  branch(text_, problem_.features.text, problem_.features.has_text, at_.A_t, at_.a_t, s.d_text,
         encoded_.data());
  branch(image_, problem_.features.image, problem_.features.has_image, at_.A_v, at_.a_v, s.d_image,
         encoded_.data() + d);
  // [W_t W_v]
  through(view(encoded_.data(), u, 2 * d), at_.W1 + std::size_t(d), 2 * d, 3 * d,
          view(c_.data(), u, 2 * d));

  const auto g = view(g_.data(), s.groups, d), a = view(a_.data(), s.groups, 2 * d);
  through(view(value(at_.e), s.groups, s.d_group), at_.A_g, d, s.d_group, g);
  dense::add_row(g, value(at_.a_g));
  through(g, at_.W1, 2 * d, 3 * d, a);  // W_g
  dense::add_row(a, value(at_.b1));
}

void Net::forward(std::span<const Pair> pairs) {
  FEDFUSE_CHECK(!pairs.empty(), "a batch of the teacher is empty");
  find_distinct_items(pairs);
  encode();
  const auto d = problem_.shape.d, p = std::int64_t(pairs.size());
  at_least(h_, p * 2 * d);
  at_least(dh_, p * 2 * d);
  q_.resize(std::size_t(p * d));
  for (std::int64_t k = 0; k < p; ++k) {
    const float* __restrict a = a_.data() + 2 * d * pairs[std::size_t(k)].group;
    const float* __restrict c = c_.data() + 2 * d * slot_[std::size_t(k)];
    float* __restrict h = h_.data() + k * 2 * d;
    for (std::int64_t j = 0; j < 2 * d; ++j) h[j] = a[j] + c[j];
  }
  dense::relu(h_.data(), p * 2 * d);
  const auto q = view(q_.data(), p, d);
  dense::pack(view(value(at_.W2), d, 2 * d), packed_);
  dense::multiply_by_transposed(view(h_.data(), p, 2 * d), packed_, q);
  dense::add_row(q, value(at_.b2));
}

double Net::backward(std::span<const Pair> pairs) {
  forward(pairs);
  const double loss = errors(pairs);
  back_through_hidden(pairs);
  back_through_items();
  back_through_groups();
  return loss;
}

// q <- dL/dQ; returns the loss.
double Net::errors(std::span<const Pair> pairs) {
  const auto d = problem_.shape.d;
  const double n = double(pairs.size()) * double(d);
  const auto factor = float(2 / n);
  double sum = 0;
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    const float* __restrict target = problem_.targets[pairs[k].group] + pairs[k].item * d;
    float* __restrict q = q_.data() + std::int64_t(k) * d;
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (std::int64_t j = 0; j < d; ++j) {
      const float error = q[j] - target[j];
      squares += error * error;
      q[j] = factor * error;
    }
    sum += squares;
  }
  return sum / n;
}

// W2, b2; and the gradients of c_i and a_l as sums over the pairs, in their order.
void Net::back_through_hidden(std::span<const Pair> pairs) {
  const auto d = problem_.shape.d, p = std::int64_t(pairs.size()), u = std::int64_t(items_.size());
  const auto dq = view(q_.data(), p, d);
  dense::multiply_transposed(dq, view(h_.data(), p, 2 * d), view(grad(at_.W2), d, 2 * d));
  dense::column_sums(dq, grad(at_.b2));
  dense::multiply(dq, view(value(at_.W2), d, 2 * d), view(dh_.data(), p, 2 * d));
  at_least(dc_, u * 2 * d);
  std::fill_n(dc_.data(), u * 2 * d, 0.0f);
  std::ranges::fill(da_, 0.0f);
  for (std::int64_t k = 0; k < p; ++k) {
    const float* __restrict dh = dh_.data() + k * 2 * d;
    const float* __restrict h = h_.data() + k * 2 * d;
    float* __restrict dc = dc_.data() + 2 * d * slot_[std::size_t(k)];
    float* __restrict da = da_.data() + 2 * d * pairs[std::size_t(k)].group;
    for (std::int64_t j = 0; j < 2 * d; ++j) {
      const float x = h[j] > 0.0f ? dh[j] : 0.0f;
      dc[j] += x;
      da[j] += x;
    }
  }
}

void Net::back_through_items() {
  const auto& s = problem_.shape;
  const auto d = s.d, u = std::int64_t(items_.size());
  const auto dc = view(dc_.data(), u, 2 * d), encoded = view(encoded_.data(), u, 2 * d);
  const auto W_tv = at_.W1 + std::size_t(d);
  dense::multiply_transposed(dc, encoded, view(grad(W_tv), 2 * d, 2 * d, 3 * d));
  // now the gradient: the values are not needed any more
  dense::multiply(dc, view(value(W_tv), 2 * d, 2 * d, 3 * d), encoded);
  const auto branch = [&](const Array<float>& x, std::size_t A, std::size_t bias,
                          std::int64_t width, float* dout) {
    const auto dy = view(dout, u, d, 2 * d);
    dense::column_sums(dy, grad(bias));
    dense::multiply_transposed(dy, view(x.data(), u, width, row_stride(width)),
                               view(grad(A), d, width));
  };
  branch(text_, at_.A_t, at_.a_t, s.d_text, encoded_.data());
  branch(image_, at_.A_v, at_.a_v, s.d_image, encoded_.data() + d);
}

void Net::back_through_groups() {
  const auto& s = problem_.shape;
  const auto d = s.d;
  const auto da = view(da_.data(), s.groups, 2 * d), g = view(g_.data(), s.groups, d);
  dense::column_sums(da, grad(at_.b1));
  dense::multiply_transposed(da, g, view(grad(at_.W1), 2 * d, d, 3 * d));
  dense::multiply(da, view(value(at_.W1), 2 * d, d, 3 * d), g);  // now the gradient
  dense::column_sums(g, grad(at_.a_g));
  dense::multiply_transposed(g, view(value(at_.e), s.groups, s.d_group),
                             view(grad(at_.A_g), d, s.d_group));
  dense::multiply(g, view(value(at_.A_g), d, s.d_group), view(grad(at_.e), s.groups, s.d_group));
}

}  // namespace fedfuse::teacher
