// The variant that fedfuse uses on a CPU: everything in L1/L2, one client a thread.
#include <algorithm>
#include <cmath>

#include "core/small_gemm.hpp"
#include "kernels/local_train/loss.hpp"
#include "kernels/local_train/router.hpp"
#include "kernels/local_train/variants.hpp"
#include "model/heads.hpp"

namespace fedfuse::local_train {
namespace {

using namespace small;

// Buffers of Workspace::round.
enum : int {
  score_buffer,
  delta_buffer,
  Z_buffer,
  dZ_buffer,
  C_buffer,
  X_buffer,
  dX_buffer,
  entropy_buffer
};

int largest_batch(const Steps& steps) {
  int most = 0;
  for (int k = 0; k < steps.count(); ++k)
    most = std::max(most, steps.begin[std::size_t(k) + 1] - steps.begin[std::size_t(k)]);
  return most;
}

struct Batch {
  const std::int32_t* slot;
  const float* label;
  int n;
};

// A head that trains on the client's rows in place, when nothing else is made of them.
template <class Head>
constexpr bool trains_in_place = requires { &Head::backward_rows; };

// The steps of one client. Head: the Trainer of a head.
template <class Head>
class Round {
 public:
  Round(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
        Workspace& ws)
      : shape_(shape),
        rates_(rates),
        steps_(steps),
        client_(client),
        sgd_{rates.lr, rates.lr_items, rates.decay},
        batch_(largest_batch(steps)),
        head_(shape.head, client.theta, client.user, ws.head, batch_) {
    const std::size_t n = std::size_t(batch_), d = std::size_t(shape.d);
    s_ = ws.round.take(score_buffer, n + simd::lanes);
    delta_ = ws.round.take(delta_buffer, n + simd::lanes);
    Z_ = ws.round.take(Z_buffer, n * std::size_t(shape.head.item_width));
    dZ_ = ws.round.take(dZ_buffer, n * std::size_t(shape.head.item_width));
    C_ = ws.round.take(C_buffer, n * std::size_t(shape.width));
    if (shape.views > 1) {
      X_ = ws.round.take(X_buffer, n * d * std::size_t(shape.views));
      dX_ = ws.round.take(dX_buffer, n * d * std::size_t(shape.views));
    }
    if (rates.lambda > 0.0f) {
      entropy_ = ws.round.take(entropy_buffer, std::size_t(client.slots));
      for (int i = 0; i < client.slots; ++i) entropy_[i] = negative_entropy(client.soft[i]);
    }
    if (client.view_grad != nullptr)
      std::fill_n(client.view_grad, long(shape.views) * client.slots * shape.width, 0.0f);
  }

  Outcome run(Router* router, std::span<float> step_loss) {
    Outcome out;
    double rec = 0, dis = 0, all = 0;
    for (int k = 0; k < steps_.count(); ++k) {
      const int begin = steps_.begin[std::size_t(k)], n = steps_.begin[std::size_t(k) + 1] - begin;
      const Batch batch{steps_.slot + begin, steps_.label + begin, n};
      std::fill_n(s_, n + simd::lanes, 0.0f);
      sgd_.lr_items = rates_.row_rate(n);
      double extra = 0;
      const BatchLoss loss =
          in_place() ? in_place_step(batch) : general_step(batch, router, out.omega, extra);
      rec += loss.recommendation;
      dis += loss.distillation;
      const double step = (loss.recommendation + rates_.lambda * loss.distillation) / n + extra;
      all += step * n;
      if (!step_loss.empty()) step_loss[std::size_t(k)] = float(step);
    }
    head_.end();
    const double samples = std::max(1, steps_.begin.back());
    out.loss_recommendation = rec / samples;
    out.loss_distillation = dis / samples;
    out.loss = all / samples;
    return out;
  }

 private:
  [[nodiscard]] bool in_place() const {
    return trains_in_place<Head> && shape_.rows_trained && !shape_.personal && shape_.views == 1;
  }

  // Over the client's own rows: scores, weights and rows without a copy of the batch.
  BatchLoss in_place_step(const Batch& b) {
    if constexpr (trains_in_place<Head>) {
      const int d = shape_.d;
      for (int i = 0; i < b.n; ++i) s_[i] = head_.score(client_.rows + long(b.slot[i]) * d);
      add_prior(b);
      const auto loss =
          loss_and_delta(s_, b.slot, b.label, b.n, rates_, client_.soft, entropy_, delta_);
      const float keep = 1.0f - rates_.lr_items * rates_.decay;
      if (keep != 1.0f) return decayed_step(b, loss, keep);
      head_.backward_rows(client_.rows, b.slot, delta_, b.n, sgd_);
      return loss;
    } else {
      return {};
    }
  }
  // Weight decay shrinks every row of the client, and the weights' gradient needs the rows before
  // that.
  BatchLoss decayed_step(const Batch& b, BatchLoss loss, float keep) {
    for (int i = 0; i < b.n; ++i)
      std::copy_n(client_.rows + long(b.slot[i]) * shape_.d, shape_.d, Z_ + long(i) * shape_.d);
    head_.backward(Z_, delta_, b.n, dZ_, sgd_);
    scale(keep, client_.rows, long(client_.slots) * shape_.d);
    for (int i = 0; i < b.n; ++i)
      axpy(-sgd_.lr_items, dZ_ + long(i) * shape_.d, client_.rows + long(b.slot[i]) * shape_.d,
           shape_.d);
    return loss;
  }

  BatchLoss general_step(const Batch& b, Router* router, float* omega, double& extra) {
    shared_part(b, router, omega);
    if (z_is_c()) {
      std::swap(Z_, C_);  // nothing is added, and C is not read again
    } else {
      add_personal(b);
    }
    head_.forward(Z_, b.n, s_);
    add_prior(b);
    const auto loss =
        loss_and_delta(s_, b.slot, b.label, b.n, rates_, client_.soft, entropy_, delta_);
    head_.backward(Z_, delta_, b.n, dZ_, sgd_);
    fold_halves(b.n);
    if (shape_.personal) extra = step_personal(b);
    if (shape_.rows_trained) {
      step_rows(b);
    } else {
      return_gradients(b, router, omega);
    }
    return loss;
  }

  void add_prior(const Batch& b) {
    if (client_.prior == nullptr) return;
    for (int i = 0; i < b.n; ++i) s_[i] += client_.prior[b.slot[i]];
  }

  [[nodiscard]] bool z_is_c() const {
    return !shape_.personal && shape_.head.item_width == shape_.width;
  }

  // C_ = sum_j omega_j F_j[i]
  void shared_part(const Batch& b, Router* router, float* omega) {
    const int w = shape_.width, J = shape_.views;
    if (router == nullptr) {
      for (int i = 0; i < b.n; ++i)
        std::copy_n(client_.rows + long(b.slot[i]) * w, w, C_ + long(i) * w);
      return;
    }
    for (int i = 0; i < b.n; ++i)
      for (int j = 0; j < J; ++j)
        std::copy_n(client_.rows + (long(j) * client_.slots + b.slot[i]) * w, w,
                    X_ + (long(i) * J + j) * w);
    router->forward(X_, b.n, omega);
    for (int i = 0; i < b.n; ++i) {
      const float* x = X_ + long(i) * J * w;
      float* c = C_ + long(i) * w;
      for (int k = 0; k < w; ++k) c[k] = omega[0] * x[k];
      for (int j = 1; j < J; ++j) axpy(omega[j], x + long(j) * w, c, w);
    }
  }

  // Z_ = C_ (+ P), twice where the head reads both halves from one row.
  void add_personal(const Batch& b) {
    const int w = shape_.width, full = shape_.head.item_width;
    for (int i = 0; i < b.n; ++i) {
      float* z = Z_ + long(i) * full;
      std::copy_n(C_ + long(i) * w, w, z);
      if (shape_.personal) axpy(1.0f, client_.personal + long(b.slot[i]) * w, z, w);
      if (full != w) std::copy_n(z, w, z + w);
    }
  }
  // dZ_ becomes n x width.
  void fold_halves(int n) {
    const int w = shape_.width, full = shape_.head.item_width;
    if (full == w) return;
    for (int i = 0; i < n; ++i)
      for (int k = 0; k < w; ++k)
        dZ_[long(i) * w + k] = dZ_[long(i) * full + k] + dZ_[long(i) * full + w + k];
  }

  // FedRAP's two terms; returns them, steps P, and adds their part of dL/dc to dZ_ where rows are
  // trained.
  double step_personal(const Batch& b) {
    const int w = shape_.width;
    const float pull = 2.0f * rates_.rap_alpha / (float(b.n) * float(w)),
                shrink = rates_.rap_beta / (float(b.n) * float(w));
    double squares = 0, magnitudes = 0;
    float* P = C_;   // P - c takes the place of c, sample by sample
    float* dP = Z_;  // Z has been used: it holds dL/dP now
    for (int i = 0; i < b.n; ++i) {
      const float* p = client_.personal + long(b.slot[i]) * w;
      for (int k = 0; k < w; ++k) {
        const long at = long(i) * w + k;
        const float c = C_[at], apart = p[k] - c;
        squares += double(apart) * apart;
        magnitudes += std::abs(c);
        const float g = dZ_[at];
        dP[at] = g - pull * apart;
        if (shape_.rows_trained)
          dZ_[at] = g + pull * apart + (c > 0.0f ? shrink : c < 0.0f ? -shrink : 0.0f);
        P[at] = apart;
      }
    }
    const float keep = 1.0f - rates_.lr_items * rates_.decay;
    if (keep != 1.0f) scale(keep, client_.personal, long(client_.slots) * w);
    for (int i = 0; i < b.n; ++i)
      axpy(-sgd_.lr_items, dP + long(i) * w, client_.personal + long(b.slot[i]) * w, w);
    return (rates_.rap_beta * magnitudes - rates_.rap_alpha * squares) / (double(b.n) * w);
  }

  void step_rows(const Batch& b) {
    const int w = shape_.width;
    const float keep = 1.0f - rates_.lr_items * rates_.decay;
    if (keep != 1.0f) scale(keep, client_.rows, long(client_.slots) * w);
    for (int i = 0; i < b.n; ++i)
      axpy(-sgd_.lr_items, dZ_ + long(i) * w, client_.rows + long(b.slot[i]) * w, w);
  }

  // dL/dF_j[i] = omega_j dL/dc_i (+ the router's part), added up over the steps.
  void return_gradients(const Batch& b, Router* router, const float* omega) {
    const int w = shape_.width, J = shape_.views;
    if (router == nullptr) {
      for (int i = 0; i < b.n; ++i)
        axpy(1.0f, dZ_ + long(i) * w, client_.view_grad + long(b.slot[i]) * w, w);
      return;
    }
    float d_omega[simd::lanes] = {};
    for (int i = 0; i < b.n; ++i)
      for (int j = 0; j < J; ++j) {
        const float *g = dZ_ + long(i) * w, *x = X_ + (long(i) * J + j) * w;
        float* dx = dX_ + (long(i) * J + j) * w;
        d_omega[j] += dot(g, x, w);
#pragma GCC ivdep
        for (int k = 0; k < w; ++k) dx[k] = omega[j] * g[k];
      }
    router->backward(X_, b.n, d_omega, dX_, rates_);
    for (int i = 0; i < b.n; ++i)
      for (int j = 0; j < J; ++j)
        axpy(1.0f, dX_ + (long(i) * J + j) * w,
             client_.view_grad + (long(j) * client_.slots + b.slot[i]) * w, w);
  }

  const Shape& shape_;
  const Rates& rates_;
  const Steps& steps_;
  const Client& client_;
  heads::SgdRates sgd_;  // lr_items: of the step
  int batch_;
  Head head_;
  float *s_ = nullptr, *delta_ = nullptr, *Z_ = nullptr, *dZ_ = nullptr, *C_ = nullptr,
        *X_ = nullptr, *dX_ = nullptr, *entropy_ = nullptr;
};

template <class Trainer>
Outcome run(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
            Workspace& ws, std::span<float> step_loss) {
  Round<Trainer> round(shape, rates, steps, client, ws);
  if (shape.views == 1) return round.run(nullptr, step_loss);
  Router router(shape, client, ws.router, largest_batch(steps));
  return round.run(&router, step_loss);
}

}  // namespace

Outcome train_cpu(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                  Workspace& ws, std::span<float> step_loss) {
  return with_head(shape.head.kind, [&]<class Head> {
    return run<typename Head::Trainer>(shape, rates, steps, client, ws, step_loss);
  });
}

}  // namespace fedfuse::local_train
