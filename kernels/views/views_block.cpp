#include "kernels/views/views_block.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/dense/dense.hpp"

namespace fedfuse::views {

using dense::view;

void PackedOperators::pack(const Problem& problem) {
  const auto& op = problem.layout;
  const float* p = problem.parameters;
  const auto d = op.d;
  for (std::size_t m = 0; m < branches; ++m)
    dense::pack(view(p + op.branch[m].A, d, op.branch[m].width), A[m]);
  for (const auto which : op.views) {
    if (which == View::mlp) {
      dense::pack(view(p + op.W1, 2 * d, 3 * d), W1);
      dense::pack(view(p + op.W2, d, 2 * d), W2);
    }
    if (which == View::gate) {
      for (std::size_t m = 0; m < branches; ++m) dense::pack(view(p + op.branch[m].G, d, d), G[m]);
      dense::pack(view(p + op.W_o, d, 3 * d), W_o);
    }
  }
}

void Block::bind(const Problem& problem, const PackedOperators& weights, std::int64_t rows) {
  in_ = &problem;
  op_ = &problem.layout;
  weights_ = &weights;
  const auto n = std::size_t(rows), d = std::size_t(op_->d);
  const std::size_t mlp = op_->has(View::mlp) ? n : 0, gate = op_->has(View::gate) ? n : 0;
  items_.resize(n);
  for (auto* wide : {&y_, &x_, &dx_}) wide->resize(n * 3 * d);
  for (auto* hidden : {&h_, &dh_}) hidden->resize(mlp * 2 * d);
  for (auto* gates : {&s_, &ds_}) gates->resize(gate * 3 * d);
  dF_.resize(n * d);
  inverse_sd_.resize(3 * n);
  for (std::size_t m = 0; m < branches; ++m)
    copied_[m].resize(in_->has[m] == nullptr ? 0 : n * std::size_t(op_->branch[m].width));
}

// Rows of the block, zeros where missing; a copy only where something is missing.
dense::ConstView Block::features_of(std::size_t m) {
  const auto width = op_->branch[m].width;
  const std::uint8_t* has = in_->has[m];
  if (width == 0 || has == nullptr ||
      std::all_of(has + first_, has + first_ + n_,
                  [](std::uint8_t present) { return present != 0; }))
    return view(in_->features[m] + first_ * width, n_, width);
  const auto copy = view(copied_[m].data(), n_, width);
  dense::gather_present(in_->features[m], has, items_.data(), copy);
  return copy;
}

// Branch m of an n x 3d array.
dense::View Block::part(Array<float>& wide, std::size_t m) const {
  return view(wide.data() + std::int64_t(m) * op_->d, n_, op_->d, 3 * op_->d);
}

void Block::encode(std::size_t m) {
  const auto y = part(y_, m);
  dense::multiply_by_transposed(features_of(m), weights_->A[m], y);
  dense::add_row(y, at(op_->branch[m].a));
}

// y <- (y - mean) / sd, x <- ln_w y + ln_b
void Block::normalise(std::size_t m) {
  const auto d = op_->d;
  if (!op_->layer_norm()) {
    for (std::int64_t i = 0; i < n_; ++i) {
      const auto at = (i * 3 + std::int64_t(m)) * d;
      std::copy_n(y_.data() + at, d, x_.data() + at);
    }
    return;
  }
  const float* __restrict weight = at(op_->branch[m].ln_w);
  const float* __restrict bias = at(op_->branch[m].ln_b);
  for (std::int64_t i = 0; i < n_; ++i) {
    float* __restrict y = y_.data() + i * 3 * d + std::int64_t(m) * d;
    float* __restrict x = x_.data() + i * 3 * d + std::int64_t(m) * d;
    float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t k = 0; k < d; ++k) sum += y[k];
    const float mean = sum / float(d);
#pragma omp simd reduction(+ : squares)
    for (std::int64_t k = 0; k < d; ++k) squares += (y[k] - mean) * (y[k] - mean);
    const float inverse_sd = 1.0f / std::sqrt(squares / float(d) + ln_epsilon);
    inverse_sd_[std::size_t(std::int64_t(m) * std::int64_t(items_.size()) + i)] = inverse_sd;
    for (std::int64_t k = 0; k < d; ++k) {
      y[k] = (y[k] - mean) * inverse_sd;
      x[k] = y[k] * weight[k] + bias[k];
    }
  }
}

void Block::hidden() {
  const auto d = op_->d;
  const auto h = view(h_.data(), n_, 2 * d);
  dense::multiply_by_transposed(view(x_.data(), n_, 3 * d), weights_->W1, h);
  dense::add_row(h, at(op_->b1));
  dense::relu(h_.data(), n_ * 2 * d);
}

void Block::gates() {
  for (std::size_t m = 0; m < branches; ++m) {
    dense::multiply_by_transposed(part(x_, m), weights_->G[m], part(s_, m));
    dense::add_row(part(s_, m), at(op_->branch[m].g));
  }
  sigmoid(s_.data(), n_ * 3 * op_->d);
}

// What the views are made of, for these items.
void Block::activate(std::int64_t first, std::int64_t n) {
  first_ = first;
  n_ = n;
  std::iota(items_.begin(), items_.begin() + n, std::int32_t(first));
  for (std::size_t m = 0; m < branches; ++m) {
    encode(m);
    normalise(m);
  }
  for (const auto which : op_->views) {
    if (which == View::mlp) hidden();
    if (which == View::gate) gates();
  }
}

void Block::forward(std::int64_t first, std::int64_t n, const std::array<float*, branches>& out) {
  activate(first, n);
  const auto d = op_->d;
  for (std::size_t j = 0; j < op_->views.size(); ++j) {
    float* to = out[j] + first * d;
    const auto F = view(to, n, d);
    switch (op_->views[j]) {
      case View::sum:
        for (std::int64_t i = 0; i < n; ++i)
          for (std::int64_t k = 0; k < d; ++k)
            to[i * d + k] = x_[std::size_t(i * 3 * d + k)] + x_[std::size_t(i * 3 * d + d + k)] +
                            x_[std::size_t(i * 3 * d + 2 * d + k)];
        break;
      case View::mlp:
        dense::multiply_by_transposed(view(h_.data(), n, 2 * d), weights_->W2, F);
        dense::add_row(F, at(op_->b2));
        break;
      case View::gate:
        dense::multiply_by_transposed(view(s_.data(), n, 3 * d), weights_->W_o, F);
        dense::add_row(F, at(op_->b_o));
        break;
    }
  }
}

void Block::back_sum() {
  const auto d = op_->d;
  for (std::int64_t i = 0; i < n_; ++i)
    for (std::int64_t m = 0; m < branches; ++m)
      for (std::int64_t k = 0; k < d; ++k)
        dx_[std::size_t(i * 3 * d + m * d + k)] += dF_[std::size_t(i * d + k)];
}

void Block::back_mlp() {
  const auto d = op_->d;
  const auto dF = view(dF_.data(), n_, d), dh = view(dh_.data(), n_, 2 * d);
  dense::multiply_transposed(dF, view(h_.data(), n_, 2 * d), view(grad(op_->W2), d, 2 * d));
  dense::column_sums(dF, grad(op_->b2));
  dense::multiply(dF, view(at(op_->W2), d, 2 * d), dh);
  dense::relu_backward(dh_.data(), h_.data(), n_ * 2 * d);
  dense::multiply_transposed(dh, view(x_.data(), n_, 3 * d), view(grad(op_->W1), 2 * d, 3 * d));
  dense::column_sums(dh, grad(op_->b1));
  dense::multiply_add(dh, view(at(op_->W1), 2 * d, 3 * d), view(dx_.data(), n_, 3 * d));
}

void Block::back_gate() {
  const auto d = op_->d;
  const auto dF = view(dF_.data(), n_, d);
  dense::multiply_transposed(dF, view(s_.data(), n_, 3 * d), view(grad(op_->W_o), d, 3 * d));
  dense::column_sums(dF, grad(op_->b_o));
  dense::multiply(dF, view(at(op_->W_o), d, 3 * d), view(ds_.data(), n_, 3 * d));
  for (std::int64_t k = 0; k < n_ * 3 * d; ++k)
    ds_[std::size_t(k)] *= s_[std::size_t(k)] * (1.0f - s_[std::size_t(k)]);
  for (std::size_t m = 0; m < branches; ++m) {
    const auto& b = op_->branch[m];
    dense::multiply_transposed(part(ds_, m), part(x_, m), view(grad(b.G), d, d));
    dense::column_sums(part(ds_, m), grad(b.g));
    dense::multiply_add(part(ds_, m), view(at(b.G), d, d), part(dx_, m));
  }
}

// dx <- dL/dy of the layer before: (dn - mean dn - n mean(dn n)) / sd with n the normalised row, dn
// = ln_w dx
void Block::back_normalise(std::size_t m) {
  if (!op_->layer_norm()) return;
  const auto d = op_->d;
  const float* __restrict weight = at(op_->branch[m].ln_w);
  float* __restrict grad_weight = grad(op_->branch[m].ln_w);
  dense::column_sums(part(dx_, m), grad(op_->branch[m].ln_b));
  std::fill_n(grad_weight, d, 0.0f);
  for (std::int64_t i = 0; i < n_; ++i) {
    const float* __restrict normal = y_.data() + i * 3 * d + std::int64_t(m) * d;
    float* __restrict dx = dx_.data() + i * 3 * d + std::int64_t(m) * d;
    float sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (std::int64_t k = 0; k < d; ++k) {
      grad_weight[k] += dx[k] * normal[k];
      dx[k] *= weight[k];
      sum += dx[k];
      product += dx[k] * normal[k];
    }
    const float mean = sum / float(d), along = product / float(d);
    const float inverse_sd =
        inverse_sd_[std::size_t(std::int64_t(m) * std::int64_t(items_.size()) + i)];
    for (std::int64_t k = 0; k < d; ++k) dx[k] = (dx[k] - mean - normal[k] * along) * inverse_sd;
  }
}

void Block::back_encode(std::size_t m, float* grad_D) {
  const auto& b = op_->branch[m];
  const auto d = op_->d;
  const auto dy = part(dx_, m);
  dense::column_sums(dy, grad(b.a));
  dense::multiply_transposed(dy, features_of(m), view(grad(b.A), d, b.width));
  if (m == 0) dense::multiply(dy, view(at(b.A), d, d), view(grad_D + first_ * d, n_, d));
}

void Block::backward(std::int64_t first, std::int64_t n, float scale, float* gradient,
                     float* grad_D) {
  gradient_ = gradient;
  activate(first, n);
  const auto d = op_->d;
  std::fill_n(dx_.data(), n * 3 * d, 0.0f);
  for (std::size_t j = 0; j < op_->views.size(); ++j) {
    const float* dF = in_->view_grad[j] + first * d;
    for (std::int64_t k = 0; k < n * d; ++k) dF_[std::size_t(k)] = scale * dF[k];
    if (op_->views[j] == View::mlp) back_mlp();
    if (op_->views[j] == View::gate) back_gate();
    if (op_->views[j] == View::sum) back_sum();
  }
  for (std::size_t m = 0; m < branches; ++m) {
    back_normalise(m);
    back_encode(m, grad_D);
  }
}

}  // namespace fedfuse::views
