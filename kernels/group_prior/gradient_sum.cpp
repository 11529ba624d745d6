#include "kernels/group_prior/gradient_sum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/small_gemm.hpp"

namespace fedfuse::group_prior {
namespace {

constexpr double largest_bound = 0x1p60;
constexpr double loss_unit = 0x1p-30, largest_loss = 0x1p30;
// |x / unit| of a part
constexpr float limit = 0x1p51f;

std::int64_t up_to(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

double largest(const float* x, std::size_t n) {
  float most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return HUGE_VAL;
    most = std::max(most, std::abs(x[i]));
  }
  return most;
}

double largest_row(const float* x, std::int64_t rows, std::int64_t cols) {
  double most = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float square = small::dot(x + r * cols, x + r * cols, int(cols));
    if (!std::isfinite(square)) return HUGE_VAL;
    most = std::max(most, double(square));
  }
  return std::sqrt(most);
}

}  // namespace

Padded::Padded(const Layout& l) : P(up_to(l.P, 16)), h(up_to(l.h, 16)), G(up_to(l.G, 8)) {
  U = 0;
  A = std::size_t(h * P);
  V = A + std::size_t(G * h);
  b = V + std::size_t(G * h);
  size = b + std::size_t(G);
}

double sum_unit(const Problem& p) {
  const auto& l = p.layout;
  const auto heads = std::size_t(l.G * l.h);
  const double A = largest(p.parameters + l.A, heads), V = largest(p.parameters + l.V, heads),
               v = largest(p.parameters + l.v, std::size_t(l.h)),
               b = largest(p.parameters + l.b, std::size_t(l.G)),
               U = largest_row(p.parameters + l.U, l.h, l.P);
  if (!std::isfinite(b)) return 0;
  // the thousandth: for floats that round up
  const double bound = 1.001 * std::max({(v + V) * p.largest_row, p.largest_row * U + A, 1.0});
  if (!(bound < largest_bound)) return 0;
  return std::ldexp(1.0, std::ilogb(bound) + 1 - 51);
}

GradientSum::GradientSum(const Layout& layout) : at_(layout), words_(at_.size + 2, 0) {}

void GradientSum::start(double unit) {
  unit_ = unit;
  std::ranges::fill(words_, 0);
}

bool GradientSum::add(std::span<const float> part, double loss) {
  // Adding 1.5 * 2^52 leaves a double's whole part in its low bits: a rounding that vectorises.
  constexpr double magic = 0x1.8p52;
  constexpr auto magic_bits = std::bit_cast<std::int64_t>(magic);
  std::int64_t* __restrict words = words_.data();
  const float* __restrict from = part.data();
  const auto per_unit = float(1.0 / unit_);
  const std::size_t size =
      at_.size;  // a word of the loop's own: it could be one of those it writes
  int bad = int(!(std::abs(loss) < largest_loss));
  for (std::size_t i = 0; i < size; ++i) {
    const float scaled = from[i] * per_unit;  // exact: a power of two
    bad |= int(!(std::abs(scaled) < limit));
    words[i] += std::bit_cast<std::int64_t>(double(scaled) + magic) - magic_bits;
  }
  if (bad != 0) return false;
  words_[size] += std::llrint(loss / loss_unit);
  return true;
}

void GradientSum::merge(const GradientSum& other) {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] += other.words_[i];
}

std::int64_t GradientSum::reduce(const Comm& comm, std::int64_t flag) {
  words_.back() = flag;
  comm.sum(words_);
  return words_.back();
}

double GradientSum::loss() const { return double(words_[at_.size]) * loss_unit; }

void GradientSum::decode(const Problem& p, std::span<float> gradient) const {
  const auto& l = p.layout;
  const auto value = [&](std::size_t at) { return double(words_[at]) * unit_; };
  for (std::int64_t k = 0; k < l.h; ++k)
    for (std::int64_t j = 0; j < l.P; ++j)
      gradient[l.U + std::size_t(k * l.P + j)] = float(value(at_.U + std::size_t(k * at_.P + j)));
  std::vector<std::int64_t> all_groups(std::size_t(l.h), 0);
  for (std::int64_t g = 0; g < l.G; ++g) {
    gradient[l.b + std::size_t(g)] = float(value(at_.b + std::size_t(g)));
    for (std::int64_t k = 0; k < l.h; ++k) {
      const auto to = std::size_t(g * l.h + k), from = std::size_t(g * at_.h + k);
      const float w = p.parameters[l.v + std::size_t(k)] + p.parameters[l.V + to];
      gradient[l.V + to] = float(value(at_.V + from));
      gradient[l.A + to] = float(value(at_.A + from) * w);
      all_groups[std::size_t(k)] += words_[at_.V + from];
    }
  }
  for (std::int64_t k = 0; k < l.h; ++k)
    gradient[l.v + std::size_t(k)] = float(double(all_groups[std::size_t(k)]) * unit_);
}

}  // namespace fedfuse::group_prior
