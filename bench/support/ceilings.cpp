#include "support/ceilings.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cstring>

#include "core/matrix.hpp"
#include "core/simd.hpp"
#include "core/timer.hpp"

namespace fedfuse::bench {
namespace {

// Best rate of several short runs: interference only ever slows down.
template <class Work>
double best_rate(double amount, Work&& work) {
  work();
  double best = 0;
  for (int run = 0; run < 7; ++run) {
    const double start = now_seconds();
    work();
    best = std::max(best, amount / (now_seconds() - start));
  }
  return best;
}

}  // namespace

double measure_flops() {
  using namespace simd;
  // enough chains to cover the latency of a fused multiply-add
  constexpr int chains = 12, steps = 1 << 20;
  Float8 acc[chains];
  for (int c = 0; c < chains; ++c) acc[c] = splat(float(c));
  const double rate = best_rate(2.0 * lanes * chains * steps, [&] {
    Float8 local[chains];
    std::memcpy(local, acc, sizeof acc);
    const Float8 x = splat(0.999999f), y = splat(1e-6f);
    for (int s = 0; s < steps; ++s)
      for (int c = 0; c < chains; ++c) local[c] = local[c] * x + y;
    std::memcpy(acc, local, sizeof acc);
  });
  volatile float sink = sum(acc[0]);
  (void)sink;
  return rate;
}

double measure_gemm() {
  constexpr int n = 512;
  const Eigen::MatrixXf a = Eigen::MatrixXf::Constant(n, n, 0.5f),
                        b = Eigen::MatrixXf::Constant(n, n, 0.25f);
  Eigen::MatrixXf c(n, n);
  const double rate = best_rate(2.0 * n * n * n, [&] { c.noalias() = a * b; });
  volatile float sink = c(1, 1);
  (void)sink;
  return rate;
}

double measure_copy() {
  const std::size_t n = std::size_t(64) << 20;
  Array<float> from(n / 4, 1.0f), to(n / 4, 0.0f);
  return best_rate(2.0 * double(n), [&] { std::memcpy(to.data(), from.data(), n); });
}

const Ceilings& ceilings() {
  static const Ceilings measured{measure_flops(), measure_gemm(), measure_copy()};
  return measured;
}

}  // namespace fedfuse::bench
