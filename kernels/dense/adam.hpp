#pragma once
// Adam (Kingma and Ba; PyTorch's defaults), of one number, on processor and device alike:
//   m <- b1 m + (1 - b1) g   v <- b2 v + (1 - b2) g^2   p <- p - rate m / (sqrt(v) inverse_root +
//                            eps)
//   rate = lr / (1 - b1^t), inverse_root = 1 / sqrt(1 - b2^t), t = 1 in the first step
#include <cmath>

#ifdef __CUDACC__
#define FEDFUSE_ADAM __host__ __device__
#else
#define FEDFUSE_ADAM
#endif

namespace fedfuse {

struct AdamFactors {
  float rate = 0, inverse_root = 0;
};
// From b1^t and b2^t.
FEDFUSE_ADAM inline AdamFactors adam_factors(float lr, double b1_t, double b2_t) {
  return {float(double(lr) / (1 - b1_t)), float(1 / std::sqrt(1 - b2_t))};
}
inline AdamFactors adam_factors(float lr, double t) {
  return adam_factors(lr, std::pow(0.9, t), std::pow(0.999, t));
}

// Moments that no longer count are set to 0 before they become denormal: those cost a processor a
// hundred cycles each.
FEDFUSE_ADAM inline float without_dust(float x, float dust) {
  return std::abs(x) < dust ? 0.0f : x;
}

FEDFUSE_ADAM inline void adam_step(float& p, float& m, float& v, float g, const AdamFactors& f) {
  constexpr float b1 = 0.9f, b2 = 0.999f, eps = 1e-8f;
  constexpr float c1 = float(1 - 0.9), c2 = float(1 - 0.999);
  const float mi = without_dust(b1 * m + c1 * g, 1e-30f);
  const float vi = without_dust(b2 * v + c2 * g * g, 1e-36f);
  m = mi;
  v = vi;
  p -= f.rate * mi / (std::sqrt(vi) * f.inverse_root + eps);
}

}  // namespace fedfuse
