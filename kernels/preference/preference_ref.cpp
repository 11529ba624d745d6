// The reference: for each group and item the whole network, in double. No restructuring, no
// library.
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/preference/preference.hpp"

namespace fedfuse::preference {
namespace {

// y = W x, W [out x in]; x scaled by `present`.
std::vector<double> product(const float* W, std::int64_t out, std::int64_t in, const auto& x) {
  std::vector<double> y(std::size_t(out), 0.0);
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t k = 0; k < in; ++k)
      y[std::size_t(o)] += double(W[o * in + k]) * double(x[std::size_t(k)]);
  return y;
}

void append_branch(std::vector<double>& x, const float* A, const float* a, std::int64_t d,
                   std::int64_t width, const float* row, bool present) {
  const auto y = product(A, d, width, row);
  for (std::int64_t k = 0; k < d; ++k)
    x.push_back((present ? y[std::size_t(k)] : 0.0) + double(a[k]));
}

}  // namespace

void reference(const Problem& p, double* pref) {
  for (std::int64_t l = 0; l < p.groups; ++l) {
    for (std::int64_t i = 0; i < p.items; ++i) {
      std::vector<double> x;
      append_branch(x, p.A_g, p.a_g, p.d, p.d_group, p.e + l * p.d_group, true);
      append_branch(x, p.A_t, p.a_t, p.d, p.d_text, p.text + i * p.d_text,
                    p.has_text == nullptr || p.has_text[i] != 0);
      append_branch(x, p.A_v, p.a_v, p.d, p.d_image, p.image + i * p.d_image,
                    p.has_image == nullptr || p.has_image[i] != 0);
      auto hidden = product(p.W1, 2 * p.d, 3 * p.d, x);
      for (std::size_t k = 0; k < hidden.size(); ++k)
        hidden[k] = std::fmax(hidden[k] + double(p.b1[k]), 0.0);
      const auto q = product(p.W2, p.d, 2 * p.d, hidden);
      double logit = double(p.b[l]);
      for (std::int64_t k = 0; k < p.d; ++k)
        logit += double(p.w[l * p.d + k]) * (q[std::size_t(k)] + double(p.b2[k]));
      pref[l * p.items + i] = 1.0 / (1.0 + std::exp(-logit));
    }
  }
}

}  // namespace fedfuse::preference
