#pragma once
// omega = mean over the batch of softmax(Phi2 ReLU(Phi1 x + phi1) + phi2), x = [F_1[i]; ..; F_J[i]]
// (FedVLR, models.md section 4). backward gets d omega and gives dX, then one SGD step. The views
// stay apart: Phi1 x is a sum of J products.
#include <algorithm>
#include <cmath>

#include "kernels/local_train/local_train.hpp"
#include "model/heads/layer.hpp"

namespace fedfuse::local_train {

template <int J>
class Router {
 public:
  using Panels = panels::Panels;
  using Views = Panels[J];

  Router(const Shape& shape, const Client& client, ScratchBuffers& ws, int batch)
      : d_(shape.d),
        stride_(panels::padded(batch) + panels::lanes),
        at_(shape.router),
        phi_(client.router) {
    const auto each = heads::Weights::floats(d_, d_);
    float* scratch = ws.take(0, J * each);
    for (int j = 0; j < J; ++j) {
      weights_[j] = {d_, d_, scratch + std::size_t(j) * each};
      weights_[j].load(phi_ + at_.Phi1 + j * d_, long(J) * d_);
    }
    hidden_ = {d_, batch, ws.take(1, heads::Hidden::floats(d_, batch))};
    logits_ = {d_, ws.take(2, heads::Readout<J>::floats(d_))};
    logits_.load(phi_ + at_.Phi2);
    phi1_ = ws.take(3, std::size_t(panels::padded(d_)));
    std::fill_n(phi1_, panels::padded(d_), 0.0f);
    std::copy_n(phi_ + at_.phi1, d_, phi1_);
    soft_ = ws.take(4, 2 * J * std::size_t(stride_));
    d_logits_ = soft_ + J * stride_;
  }

  void forward(const Views& X, int n, float* omega) {
    for (int j = 0; j < J; ++j) std::fill_n(soft_ + j * stride_, stride_, phi_[at_.phi2 + j]);
    panels::for_tiles(n, d_, [&](auto& tile) {
      for (int j = 0; j < J; ++j) tile.multiply(X[j], d_, weights_[j].Wt);
      hidden_.activate(tile, phi1_);
      logits_.add_scores(tile, soft_, stride_);
    });
    for (int i = 0; i < n; i += panels::lanes) softmax(i);
    for (int j = 0; j < J; ++j) omega[j] = panels::total(soft_ + j * stride_, n) / float(n);
  }

  // d_omega[J]; to(tile, j) for every tile of dL/dx_j through the router; then the step.
  template <class To>
  void backward(const Views& X, int n, const float* d_omega, const Rates& r, const To& to) {
    for (int i = 0; i < n; i += panels::lanes) softmax_back(i, d_omega, 1.0f / float(n));
    hidden_.clear_sums();
    logits_.clear_sums();
    for (int j = 0; j < J; ++j)
      panels::for_tiles(n, d_, [&](auto& tile) {
        if (j == 0 && tile.column == 0)
          logits_.back(hidden_, tile.row, tile.rows, d_logits_, stride_);
        tile.multiply(hidden_.dH, d_, weights_[j].W);
        to(tile, j);
      });
    const float lr = r.router_rate(), keep = 1.0f - lr * r.decay;
    for (int j = 0; j < J; ++j) {
      weights_[j].step(hidden_.dH, X[j], n, keep, lr);
      float& phi2 = phi_[at_.phi2 + j];
      phi2 = simd::stepped(keep, phi2, -lr, panels::total(d_logits_ + j * stride_, n));
    }
    panels::step(keep, -lr, hidden_.db, phi1_, d_);
    logits_.step(keep, lr);
  }

  void end() {
    for (int j = 0; j < J; ++j) weights_[j].save(phi_ + at_.Phi1 + j * d_, long(J) * d_);
    std::copy_n(phi1_, d_, phi_ + at_.phi1);
    logits_.save(phi_ + at_.Phi2);
  }

 private:
  using Widest = panels::Widest;
  // Of a vector of samples: logits become shares.
  void softmax(int i) const {
    Widest p[J], top = panels::load(soft_ + i), sum{};
    for (int j = 1; j < J; ++j) top = simd::max(top, panels::load(soft_ + j * stride_ + i));
    for (int j = 0; j < J; ++j) {
      p[j] = simd::exp(panels::load(soft_ + j * stride_ + i) - top);
      sum += p[j];
    }
    for (int j = 0; j < J; ++j) panels::store(soft_ + j * stride_ + i, p[j] / sum);
  }
  void softmax_back(int i, const float* d_omega, float share) const {
    Widest mean{};
    for (int j = 0; j < J; ++j) mean += panels::load(soft_ + j * stride_ + i) * d_omega[j];
    for (int j = 0; j < J; ++j) {
      const Widest p = panels::load(soft_ + j * stride_ + i);
      panels::store(d_logits_ + j * stride_ + i,
                    p * (simd::splat_as<Widest>(d_omega[j]) - mean) * share);
    }
  }
  int d_;
  long stride_;  // of an output's numbers over the batch
  RouterLayout at_;
  float* phi_;  // the client's router
  heads::Weights weights_[J];
  heads::Hidden hidden_;
  heads::Readout<J> logits_;
  float *phi1_, *soft_, *d_logits_;
};

// One view needs no weights.
template <>
class Router<1> {
 public:
  Router(const Shape&, const Client&, ScratchBuffers&, int) {}
  void forward(const panels::Panels*, int, float*) {}
  void end() {}
};

}  // namespace fedfuse::local_train
