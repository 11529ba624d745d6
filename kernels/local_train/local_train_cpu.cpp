// The variant that fedfuse uses on a CPU: everything in L1/L2, one client a thread.
#include <algorithm>
#include <cmath>

#include "core/small_gemm.hpp"
#include "kernels/local_train/linear_span.hpp"
#include "kernels/local_train/loss.hpp"
#include "kernels/local_train/router.hpp"
#include "kernels/local_train/rows.hpp"
#include "kernels/local_train/variants.hpp"
#include "model/heads.hpp"

namespace fedfuse::local_train {
namespace {

// Buffers of Workspace::round.
enum : int { score_buffer, delta_buffer, C_buffer, Z_buffer, dZ_buffer, X_buffer, entropy_buffer };

int largest_batch(const Steps& steps) {
  int most = 0;
  for (int k = 0; k < steps.count(); ++k)
    most = std::max(most, steps.begin[std::size_t(k) + 1] - steps.begin[std::size_t(k)]);
  return most;
}

// A head that trains on the client's rows in place, when nothing else is made of them.
template <class Head>
constexpr bool trains_in_place = requires { &Head::backward_rows; };

// The steps of one client. Head: the Trainer of a head; J: views.
template <class Head, int J>
class Round {
 public:
  Round(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
        Workspace& ws)
      : shape_(shape),
        rates_(rates),
        steps_(steps),
        client_(client),
        sgd_{rates.lr, rates.lr_items, rates.decay},
        d_(shape.d),
        halves_(shape.width / shape.d),
        batch_(largest_batch(steps)),
        head_(shape.head, client.theta, client.user, ws.head, batch_),
        router_(shape, client, ws.router, batch_) {
    const std::size_t n = std::size_t(batch_);
    s_ = ws.round.take(score_buffer, n + panels::lanes);
    delta_ = ws.round.take(delta_buffer, n + panels::lanes);
    take_halves(ws.round, C_buffer, C_);
    take_halves(ws.round, Z_buffer, Z_);
    take_halves(ws.round, dZ_buffer, dZ_);
    const auto floats = Panels::floats(batch_, d_);
    float* x = ws.round.take(X_buffer, J > 1 ? J * floats : 0);
    for (std::size_t j = 0; j < J; ++j) X_[j] = {x + j * floats, batch_};
    if (rates.lambda > 0.0f) {
      entropy_ = ws.round.take(entropy_buffer, std::size_t(client.slots));
      negative_entropies(client.soft, client.slots, entropy_);
    }
    if (client.view_grad != nullptr)
      std::fill_n(client.view_grad, long(J) * client.slots * shape.width, 0.0f);
  }

  Outcome run(std::span<float> step_loss) {
    Outcome out;
    Tally tally;
    for (int k = 0; k < steps_.count(); ++k) {
      const int begin = steps_.begin[std::size_t(k)], n = steps_.begin[std::size_t(k) + 1] - begin;
      const Batch batch{steps_.slot + begin, steps_.label + begin, n};
      sgd_.lr_items = rates_.row_rate(n);
      double extra = 0;
      const BatchLoss loss = in_place() ? in_place_step(batch) : general_step(batch, out, extra);
      tally.add(loss, rates_.lambda, n, extra,
                step_loss.empty() ? nullptr : &step_loss[std::size_t(k)]);
    }
    head_.end();
    router_.end();
    tally.write(out);
    return out;
  }

 private:
  using Halves = Panels[2];  // of rows of the table: z1 and z2, or z1 alone
  void take_halves(ScratchBuffers& ws, int buffer, Halves& to) const {
    const auto floats = Panels::floats(batch_, d_);
    float* data = ws.take(buffer, std::size_t(halves_) * floats);
    for (int h = 0; h < halves_; ++h) to[h] = {data + std::size_t(h) * floats, batch_};
  }
  [[nodiscard]] bool in_place() const {
    return trains_in_place<Head> && shape_.rows_trained && !shape_.personal && J == 1 &&
           keep_rows() == 1.0f;
  }
  // What weight decay leaves of a row, whatever the size of the batch.
  [[nodiscard]] float keep_rows() const { return 1.0f - rates_.lr_items * rates_.decay; }

  // Over the client's own rows: scores, weights and rows without a copy of the batch.
  BatchLoss in_place_step(const Batch& b) {
    if constexpr (trains_in_place<Head>) {
      head_.score_rows(client_.rows, b.slot, b.n, s_);
      const auto loss = loss_of(b);
      head_.backward_rows(client_.rows, b.slot, delta_, b.n, steps_.repeats, sgd_);
      return loss;
    } else {
      return {};
    }
  }

  BatchLoss general_step(const Batch& b, Outcome& out, double& extra) {
    shared_part(b, out.omega);
    if (shape_.personal) add_personal(b);
    const Halves& z = shape_.personal ? Z_ : C_;
    const bool folded = shape_.head.item_width != shape_.width;
    const heads::BatchRows rows{z[0], folded ? z[0] : z[1], b.n, folded};
    head_.forward(rows, s_);
    const auto loss = loss_of(b);
    if (J == 1 && !shape_.personal) {
      head_.backward(rows, delta_, sgd_, row_gradients(b));
      return loss;
    }
    head_.backward(rows, delta_, sgd_, StoreTiles{dZ_});
    if (shape_.personal) extra = step_personal(b);
    if (J > 1) {
      return_gradients(b, out.omega);
    } else {
      const auto to = row_gradients(b);
      for_vectors(
          b, [&](int i, int half, int k) { to(i, half, k, panels::load(dZ_[half].at(i, k))); });
    }
    return loss;
  }

  BatchLoss loss_of(const Batch& b) {
    if (client_.prior != nullptr)
      for (int i = 0; i < b.n; ++i) s_[i] += client_.prior[b.slot[i]];
    return loss_and_delta(s_, {b.label, b.n, b.n, b.slot}, rates_, client_.soft, entropy_, delta_);
  }

  // work(i, half, k) for every vector of the batch's rows.
  template <class Work>
  void for_vectors(const Batch& b, const Work& work) const {
    for (int i = 0; i < b.n; ++i)
      for (int half = 0; half < halves_; ++half)
        for (int k = 0; k < d_; k += panels::lanes) work(i, half, k);
  }
  [[nodiscard]] RowPart part(const float* rows, int half) const {
    return {.rows = rows, .width = shape_.width, .column = half * d_, .d = d_};
  }
  [[nodiscard]] const float* view(int j) const {
    return client_.rows + long(j) * client_.slots * shape_.width;
  }

  // C_ = sum_j omega_j F_j[i]
  void shared_part(const Batch& b, float* omega) {
    if constexpr (J == 1) {
      for (int half = 0; half < halves_; ++half) gather(part(client_.rows, half), b, C_[half]);
      return;
    }
    for (int j = 0; j < J; ++j) gather(part(view(j), 0), b, X_[j]);
    router_.forward(X_, b.n, omega);
    for_vectors(b, [&](int i, int, int k) {
      Widest c = omega[0] * panels::load(X_[0].at(i, k));
      for (int j = 1; j < J; ++j) c += omega[j] * panels::load(X_[j].at(i, k));
      panels::store(C_[0].at(i, k), c);
    });
  }

  // Z_ = C_ + P
  void add_personal(const Batch& b) {
    for (int half = 0; half < halves_; ++half)
      gather(part(client_.personal, half), b, Z_[half],
             [&](int i, int k, Widest p) { return panels::load(C_[half].at(i, k)) + p; });
  }

  // FedRAP's two terms; returns them, steps P, and adds their part of dL/dc to dZ_ where rows are
  // trained.
  double step_personal(const Batch& b) {
    const int w = shape_.width;
    const float pull = 2.0f * rates_.rap_alpha / (float(b.n) * float(w)),
                shrink = rates_.rap_beta / (float(b.n) * float(w));
    panels::DoubleSums squares, magnitudes;
    for_vectors(b, [&](int i, int half, int k) {
      const auto p = part(client_.personal, half).of(b.slot[i]);
      const Widest c = panels::load(C_[half].at(i, k)),
                   apart = panels::load_first(p + k, d_ - k) - c,
                   g = panels::load(dZ_[half].at(i, k));
      squares.add(apart * apart);
      magnitudes.add(c > 0.0f ? c : -c);
      panels::store(Z_[half].at(i, k), g - pull * apart);  // Z has been used: it holds dL/dP now
      if (shape_.rows_trained) {
        const Widest none{}, sign = c > 0.0f ? none + shrink : c < 0.0f ? none - shrink : none;
        panels::store(dZ_[half].at(i, k), g + pull * apart + sign);
      }
    });
    decay(client_.personal);
    const AddToRows to{client_.personal, b.slot, w, d_, -sgd_.lr_items};
    for_vectors(b,
                [&](int i, int half, int k) { to(i, half, k, panels::load(Z_[half].at(i, k))); });
    return (rates_.rap_beta * magnitudes.total() - rates_.rap_alpha * squares.total()) /
           (double(b.n) * w);
  }

  // Weight decay shrinks every row of the client.
  void decay(float* rows) const {
    if (keep_rows() != 1.0f) small::scale(keep_rows(), rows, long(client_.slots) * shape_.width);
  }
  // Where dL/dc goes without a router: a step of the rows, or their sum over the steps.
  AddToRows row_gradients(const Batch& b) const {
    if (!shape_.rows_trained) return {client_.view_grad, b.slot, shape_.width, d_, 1.0f};
    decay(client_.rows);
    return {client_.rows, b.slot, shape_.width, d_, -sgd_.lr_items};
  }

  // dL/dF_j[i] = omega_j dL/dc_i + the router's part, added up over the steps.
  void return_gradients(const Batch& b, const float* omega) {
    if constexpr (J > 1) {
      Widest products[J] = {};
      for_vectors(b, [&](int i, int, int k) {
        const Widest g = panels::load(dZ_[0].at(i, k));
        for (int j = 0; j < J; ++j) products[j] += g * panels::load(X_[j].at(i, k));
      });
      float d_omega[J];
      for (int j = 0; j < J; ++j) d_omega[j] = panels::sum(products[j]);
      const AddToRows to{client_.view_grad, b.slot, shape_.width, d_, 1.0f};
      router_.backward(X_, b.n, d_omega, rates_,
                       AddToViews{to, long(client_.slots) * shape_.width, omega, dZ_[0]});
    }
  }

  const Shape& shape_;
  const Rates& rates_;
  const Steps& steps_;
  const Client& client_;
  heads::SgdRates sgd_;  // lr_items: of the step
  int d_, halves_, batch_;
  Head head_;
  Router<J> router_;
  Halves C_, Z_, dZ_;
  Panels X_[J];
  float *s_ = nullptr, *delta_ = nullptr, *entropy_ = nullptr;
};

Outcome train_rows(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                   Workspace& ws, std::span<float> step_loss) {
  return with_head(shape.head.kind, [&]<class Head> {
    const auto run = [&]<int J> {
      return Round<typename Head::Trainer, J>(shape, rates, steps, client, ws).run(step_loss);
    };
    if (shape.views == 1) return run.template operator()<1>();
    if (shape.views == 2) return run.template operator()<2>();
    return run.template operator()<3>();
  });
}

}  // namespace

Outcome train_cpu(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                  Workspace& ws, std::span<float> step_loss) {
  if (spans(shape, steps)) return train_span(shape, rates, steps, client, ws.round, step_loss);
  return train_for_change(shape, rates, steps, client, ws,
                          [&] { return train_rows(shape, rates, steps, client, ws, step_loss); });
}

}  // namespace fedfuse::local_train
