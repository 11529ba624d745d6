#pragma once
// A linear head whose steps are all the same batch. The gradient of a row is a multiple of w, so
// the rows are only read until the end (R11):
//
//   r_s after e steps = k^e r_s + sum_{j<e} a_sj w_j         k = 1 - eta_I kappa
//   score of step e   = b_e + k^e (r_s . w_e) + sum_{j<e} a_sj (w_j . w_e)
//   dL/dw             = k^e sum_s delta_s r_s + sum_{j<e} (sum_s delta_s a_sj) w_j
//   after the step    a_sj <- k a_sj (j < e),  a_se = -eta_I delta_s
//
// Slots in place of samples: the samples of a slot have one score and one label. A step reads
// each row twice (8 d bytes) and writes none; the general path reads it twice and writes it. A
// sample and step takes 6 d FLOP, as there; beside that a slot takes 4 e.
#include <algorithm>

#include "kernels/local_train/loss.hpp"
#include "model/heads/layer.hpp"

namespace fedfuse::local_train {

// The work of the sums over past steps grows with the square of the steps.
inline constexpr int most_span_steps = 32;
[[nodiscard]] inline bool spans(const Shape& shape, const Steps& steps) {
  return shape.head.kind == HeadKind::linear && shape.rows_trained && !shape.personal &&
         shape.views == 1 && steps.same && steps.count() > 0 && steps.count() <= most_span_steps;
}

// D: d where it is known, so that rows stand at constant distances; else 0.
template <int D>
class LinearSpan {
 public:
  // The batch is the first step's.
  LinearSpan(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
             ScratchBuffers& ws)
      : rates_(rates),
        client_(client),
        any_d_(shape.d),
        slots_(client.slots),
        steps_(steps.count()),
        w_stride_(panels::padded(d())),
        a_stride_(panels::padded(slots_)),
        b_(client.theta + shape.head.last_b),
        w_out_(client.theta + shape.head.last_w),
        of_step_{steps.label, slots_, steps.begin[1]} {
    const auto slots = std::size_t(a_stride_), w = std::size_t(w_stride_);
    w_ = ws.take(w_buffer, (std::size_t(steps_) + 1) * w);
    a_ = ws.take(a_buffer, std::size_t(steps_) * slots);
    s_ = ws.take(score_buffer, slots);
    delta_ = ws.take(delta_buffer, slots);
    dw_ = ws.take(dw_buffer, w);
    of_past_ = ws.take(past_buffer, std::size_t(steps_ + panels::lanes));
    panels::copy_padded(w_out_, d(), w_);
    if (steps.repeats) fold_entries(steps, ws);
    if (rates.lambda > 0.0f) {
      entropy_ = ws.take(entropy_buffer, slots);
      negative_entropies(client.soft, slots_, entropy_);
    }
  }

  Outcome run(std::span<float> step_loss) {
    const float eta_I = rates_.row_rate(of_step_.samples);
    Tally tally;
    for (int e = 0; e < steps_; ++e) {
      score(e);
      const auto loss = loss_and_delta(s_, of_step_, rates_, client_.soft, entropy_, delta_);
      tally.add(loss, rates_.lambda, of_step_.samples, 0.0,
                step_loss.empty() ? nullptr : &step_loss[std::size_t(e)]);
      step_head(e);
      step_rows(e, eta_I);
    }
    std::copy_n(w_of(steps_), d(), w_out_);
    write_rows();
    Outcome out;
    tally.write(out);
    return out;
  }

 private:
  using Widest = panels::Widest;
  enum : int {  // buffers
    w_buffer,
    a_buffer,
    score_buffer,
    delta_buffer,
    dw_buffer,
    past_buffer,
    entropy_buffer,
    label_buffer,
    weight_buffer
  };
  static constexpr int together = 5;  // steps that write_rows adds in one pass over the rows

  [[nodiscard]] int d() const { return D > 0 ? D : any_d_; }
  [[nodiscard]] float* w_of(int step) const { return w_ + long(step) * w_stride_; }
  [[nodiscard]] float* a_of(int step) const { return a_ + long(step) * a_stride_; }
  [[nodiscard]] float* row(int slot) const { return client_.rows + long(slot) * d(); }

  // The label of each slot, and how many samples it has.
  void fold_entries(const Steps& steps, ScratchBuffers& ws) {
    float* label = ws.take(label_buffer, std::size_t(a_stride_));
    float* weight = ws.take(weight_buffer, std::size_t(a_stride_));
    std::fill_n(weight, slots_, 0.0f);
    for (int e = 0; e < steps.begin[1]; ++e) {
      label[steps.slot[e]] = steps.label[e];
      weight[steps.slot[e]] += 1.0f;
    }
    of_step_.label = label;
    of_step_.weight = weight;
  }

  // of_past_[j] = the sum of product(j, k) over the vectors k of rows of `columns` numbers.
  template <class Product>
  void sum_of_past(int e, int columns, const Product& product) {
    std::fill_n(of_past_, e + panels::lanes, 0.0f);
    panels::add_sums(e, of_past_, [&](int j) {
      Widest sum{};
      for (int k = 0; k < columns; k += panels::lanes) sum += product(j, k);
      return sum;
    });
  }

  void score(int e) {
    const float *w = w_of(e), bias = *b_;
    std::fill_n(s_, a_stride_, 0.0f);
    panels::for_columns(d(), [&](const auto& columns) {
      const auto of_w = columns.load(w);
      panels::add_sums(slots_, s_, [&](int i) { return columns.dot(of_w, row(i)); });
    });
    sum_of_past(e, d(),
                [&](int j, int k) { return panels::load(w_of(j) + k) * panels::load(w + k); });
    for (int i = 0; i < slots_; i += panels::lanes) {
      Widest x = kept_ * panels::load(s_ + i) + bias;
      for (int j = 0; j < e; ++j) x += of_past_[j] * panels::load(a_of(j) + i);
      if (client_.prior != nullptr) x += panels::load_first(client_.prior + i, slots_ - i);
      panels::store(s_ + i, x);
    }
  }

  void step_head(int e) {
    panels::for_columns(d(), [&](const auto& columns) {
      columns.store_sum_of(slots_, dw_,
                           [&](int i, auto& sum) { columns.add(delta_[i], row(i), sum); });
    });
    sum_of_past(e, slots_,
                [&](int j, int i) { return panels::load(delta_ + i) * panels::load(a_of(j) + i); });
    const float keep = 1.0f - rates_.lr * rates_.decay, *w = w_of(e);
    float* next = w_of(e + 1);
    for (int k = 0; k < d(); k += panels::lanes) {
      Widest g = kept_ * panels::load(dw_ + k);
      for (int j = 0; j < e; ++j) g += of_past_[j] * panels::load(w_of(j) + k);
      panels::store(next + k, simd::stepped(keep, panels::load(w + k), -rates_.lr, g));
    }
    *b_ = simd::stepped(keep, *b_, -rates_.lr, panels::total(delta_, slots_));
  }

  void step_rows(int e, float eta_I) {
    const float keep = 1.0f - rates_.lr_items * rates_.decay;
    for (int j = 0; j < e && keep != 1.0f; ++j)
      for (int i = 0; i < slots_; i += panels::lanes)
        panels::store(a_of(j) + i, keep * panels::load(a_of(j) + i));
    for (int i = 0; i < slots_; i += panels::lanes)
      panels::store(a_of(e) + i, -eta_I * panels::load(delta_ + i));
    kept_ *= keep;
  }

  // The rows, or their change: the sums of a_sj w_j alone.
  void write_rows() const {
    panels::for_columns(d(), [&](const auto& columns) {
      int j = 0;
      for (; j + together <= steps_; j += together) add_steps<together>(columns, j);
      for (; j < steps_; ++j) add_steps<1>(columns, j);
    });
  }
  template <int Count>
  void add_steps(const auto& columns, int first) const {
    decltype(columns.zero()) w[Count];
    for (int j = 0; j < Count; ++j) w[j] = columns.load(w_of(first + j));
    for (int i = 0; i < slots_; ++i) {
      auto sum = columns.zero();
      if (first > 0) {
        sum = columns.load(row(i));
      } else if (!client_.as_change) {
        columns.add(kept_, row(i), sum);
      }
      for (int j = 0; j < Count; ++j) columns.add(a_of(first + j)[i], w[j], sum);
      columns.store_row(sum, row(i));
    }
  }

  const Rates& rates_;
  const Client& client_;
  int any_d_, slots_, steps_;
  int w_stride_, a_stride_;  // floats
  float* b_;
  float* w_out_;
  Entries of_step_;
  float kept_ = 1.0f;   // k^e
  float* w_ = nullptr;  // steps + 1 vectors
  float* a_ = nullptr;  // steps x slots
  float *s_ = nullptr, *delta_ = nullptr, *dw_ = nullptr, *entropy_ = nullptr;
  float* of_past_ = nullptr;  // one number of each step before
};

inline Outcome train_span(const Shape& shape, const Rates& rates, const Steps& steps,
                          const Client& client, ScratchBuffers& ws, std::span<float> step_loss) {
  const auto run = [&]<int D> {
    return LinearSpan<D>(shape, rates, steps, client, ws).run(step_loss);
  };
  switch (shape.d) {
    case 32:
      return run.template operator()<32>();
    case 64:
      return run.template operator()<64>();
    case 128:
      return run.template operator()<128>();
    default:
      return run.template operator()<0>();
  }
}

}  // namespace fedfuse::local_train
