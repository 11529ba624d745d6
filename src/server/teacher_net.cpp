#include "server/teacher_net.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "server/dense.hpp"

namespace fedfuse {
namespace {

using dense::map;

void at_least(Array<float>& buffer, std::int64_t size) {
  if (std::int64_t(buffer.size()) < size) buffer.resize(std::size_t(size));
}

}  // namespace

TeacherNet::TeacherNet(const Sizes& s, const TeacherFeatures& features, const std::string& optimizer, double lr)
    : sizes_(s), features_(features), slot_of_item_(std::size_t(s.items), -1) {
  dense::fix_blocking();
  at_.e = parameters_.add("e", s.groups, s.d_group);
  at_.A_g = parameters_.add("A_g", s.d, s.d_group);
  at_.a_g = parameters_.add("a_g", 1, s.d);
  at_.A_t = parameters_.add("A_t", s.d, s.d_text);
  at_.a_t = parameters_.add("a_t", 1, s.d);
  at_.A_v = parameters_.add("A_v", s.d, s.d_image);
  at_.a_v = parameters_.add("a_v", 1, s.d);
  at_.W1 = parameters_.add("W1", 2 * s.d, 3 * s.d);
  at_.b1 = parameters_.add("b1", 1, 2 * s.d);
  at_.W2 = parameters_.add("W2", s.d, 2 * s.d);
  at_.b2 = parameters_.add("b2", 1, s.d);
  gradient_.assign(parameters_.values.size(), 0.0f);
  optimizer_ = Optimizer(optimizer, lr, parameters_.values.size());
  at_least(g_, s.groups * s.d);
  at_least(a_, s.groups * 2 * s.d);
  at_least(da_, s.groups * 2 * s.d);
}

double TeacherNet::step(std::span<const TeacherPair> pairs, std::span<const Matrix<float>> targets) {
  const double loss = backward(pairs, targets);
  optimizer_.step(parameters_.values, gradient_);
  return loss;
}

void TeacherNet::find_distinct_items(std::span<const TeacherPair> pairs) {
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
void TeacherNet::encode() {
  const auto& s = sizes_;
  const auto d = s.d, u = std::int64_t(items_.size());
  const auto branch = [&](Array<float>& x, const float* features, const std::uint8_t* has, std::size_t A, std::size_t bias, std::int64_t width,
                          float* out) {
    at_least(x, u * width);
    auto to = map(out, u, d, 2 * d);
    if (width == 0) {
      to.setZero();
    } else {
      dense::gather_present(features, has, items_.data(), u, width, x.data());
      to.noalias() = map(x.data(), u, width) * map(parameters_.at(A), d, width).transpose();
    }
    dense::add_row(out, u, d, 2 * d, parameters_.at(bias));
  };
  at_least(encoded_, u * 2 * d);
  at_least(c_, u * 2 * d);
  branch(text_, features_.text, features_.has_text, at_.A_t, at_.a_t, s.d_text, encoded_.data());
  branch(image_, features_.image, features_.has_image, at_.A_v, at_.a_v, s.d_image, encoded_.data() + d);

  const auto W_g = map(parameters_.at(at_.W1), 2 * d, d, 3 * d), W_tv = map(parameters_.at(at_.W1) + d, 2 * d, 2 * d, 3 * d);
  map(c_.data(), u, 2 * d).noalias() = map(encoded_.data(), u, 2 * d) * W_tv.transpose();
  auto g = map(g_.data(), s.groups, d);
  g.noalias() = map(parameters_.at(at_.e), s.groups, s.d_group) * map(parameters_.at(at_.A_g), d, s.d_group).transpose();
  dense::add_row(g_.data(), s.groups, d, d, parameters_.at(at_.a_g));
  map(a_.data(), s.groups, 2 * d).noalias() = g * W_g.transpose();
  dense::add_row(a_.data(), s.groups, 2 * d, 2 * d, parameters_.at(at_.b1));
}

void TeacherNet::forward(std::span<const TeacherPair> pairs) {
  FEDFUSE_CHECK(!pairs.empty(), "a batch of the teacher is empty");
  find_distinct_items(pairs);
  encode();
  const auto d = sizes_.d, p = std::int64_t(pairs.size());
  at_least(h_, p * 2 * d);
  at_least(dh_, p * 2 * d);
  q_.resize(std::size_t(p * d));
  for (std::int64_t k = 0; k < p; ++k) {
    const float* __restrict a = a_.data() + pairs[std::size_t(k)].group * 2 * d;
    const float* __restrict c = c_.data() + slot_[std::size_t(k)] * 2 * d;
    float* __restrict h = h_.data() + k * 2 * d;
    for (std::int64_t j = 0; j < 2 * d; ++j) h[j] = a[j] + c[j];
  }
  dense::relu(h_.data(), p * 2 * d);
  map(q_.data(), p, d).noalias() = map(h_.data(), p, 2 * d) * map(parameters_.at(at_.W2), d, 2 * d).transpose();
  dense::add_row(q_.data(), p, d, d, parameters_.at(at_.b2));
}

double TeacherNet::backward(std::span<const TeacherPair> pairs, std::span<const Matrix<float>> targets) {
  forward(pairs);
  const double loss = errors(pairs, targets);
  back_through_hidden(pairs);
  back_through_items();
  back_through_groups();
  return loss;
}

// q <- dL/dQ; returns the loss.
double TeacherNet::errors(std::span<const TeacherPair> pairs, std::span<const Matrix<float>> targets) {
  const auto d = sizes_.d;
  const double n = double(pairs.size()) * double(d);
  const auto factor = float(2 / n);
  double sum = 0;
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    const float* __restrict target = targets[std::size_t(pairs[k].group)].row(pairs[k].item);
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
void TeacherNet::back_through_hidden(std::span<const TeacherPair> pairs) {
  const auto d = sizes_.d, p = std::int64_t(pairs.size()), u = std::int64_t(items_.size());
  const auto dq = map(q_.data(), p, d);
  map(grad(at_.W2), d, 2 * d).noalias() = dq.transpose() * map(h_.data(), p, 2 * d);
  dense::column_sums(q_.data(), p, d, d, grad(at_.b2));
  map(dh_.data(), p, 2 * d).noalias() = dq * map(parameters_.at(at_.W2), d, 2 * d);
  at_least(dc_, u * 2 * d);
  std::fill_n(dc_.data(), u * 2 * d, 0.0f);
  std::ranges::fill(da_, 0.0f);
  for (std::int64_t k = 0; k < p; ++k) {
    const float* __restrict dh = dh_.data() + k * 2 * d;
    const float* __restrict h = h_.data() + k * 2 * d;
    float* __restrict dc = dc_.data() + slot_[std::size_t(k)] * 2 * d;
    float* __restrict da = da_.data() + pairs[std::size_t(k)].group * 2 * d;
    for (std::int64_t j = 0; j < 2 * d; ++j) {
      const float x = h[j] > 0.0f ? dh[j] : 0.0f;
      dc[j] += x;
      da[j] += x;
    }
  }
}

void TeacherNet::back_through_items() {
  const auto& s = sizes_;
  const auto d = s.d, u = std::int64_t(items_.size());
  const auto dc = map(dc_.data(), u, 2 * d);
  map(grad(at_.W1) + d, 2 * d, 2 * d, 3 * d).noalias() = dc.transpose() * map(encoded_.data(), u, 2 * d);
  auto dencoded = map(encoded_.data(), u, 2 * d);  // the values are not needed any more
  dencoded.noalias() = dc * map(parameters_.at(at_.W1) + d, 2 * d, 2 * d, 3 * d);
  const auto branch = [&](const Array<float>& x, std::size_t A, std::size_t bias, std::int64_t width, const float* dout) {
    dense::column_sums(dout, u, d, 2 * d, grad(bias));
    if (width > 0) map(grad(A), d, width).noalias() = map(dout, u, d, 2 * d).transpose() * map(x.data(), u, width);
  };
  branch(text_, at_.A_t, at_.a_t, s.d_text, encoded_.data());
  branch(image_, at_.A_v, at_.a_v, s.d_image, encoded_.data() + d);
}

void TeacherNet::back_through_groups() {
  const auto& s = sizes_;
  const auto d = s.d;
  const auto da = map(da_.data(), s.groups, 2 * d);
  dense::column_sums(da_.data(), s.groups, 2 * d, 2 * d, grad(at_.b1));
  map(grad(at_.W1), 2 * d, d, 3 * d).noalias() = da.transpose() * map(g_.data(), s.groups, d);
  auto dg = map(g_.data(), s.groups, d);  // the values are not needed any more
  dg.noalias() = da * map(parameters_.at(at_.W1), 2 * d, d, 3 * d);
  dense::column_sums(g_.data(), s.groups, d, d, grad(at_.a_g));
  map(grad(at_.A_g), d, s.d_group).noalias() = dg.transpose() * map(parameters_.at(at_.e), s.groups, s.d_group);
  map(grad(at_.e), s.groups, s.d_group).noalias() = dg * map(parameters_.at(at_.A_g), d, s.d_group);
}

}  // namespace fedfuse
