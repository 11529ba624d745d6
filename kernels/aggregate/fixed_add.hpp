#pragma once
// The inner loops of R7: floats into 64-bit fixed-point sums, and the row locks that let threads
// add at once.
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/fixed_point.hpp"

namespace fedfuse::aggregate {

// All of |x| < limit; false with NaN.
template <class T>
[[nodiscard]] inline bool all_fit(const T* x, std::int64_t n, double limit = FixedPoint::limit) {
  int outside = 0;
  for (std::int64_t k = 0; k < n; ++k) outside |= int(!(std::abs(x[k]) < T(limit)));
  return outside == 0;
}

// round(x * scale) for |x * scale| < 2^51, ties to even like llrint: adding 1.5 * 2^52 leaves the
// integer in the low bits.
[[nodiscard]] inline std::int64_t to_fixed(double x, double scale) {
  constexpr double magic = 0x1.8p52;
  return std::bit_cast<std::int64_t>(x * scale + magic) - std::bit_cast<std::int64_t>(magic);
}

// sum[k] += weight * round(x[k] * scale). Values fit: |x| < FixedPoint::largest keeps |x * scale|
// below 2^51.
template <class T>
inline void add_fixed(std::int64_t* __restrict sum, const T* __restrict x, std::int64_t n,
                      double scale, std::int64_t weight) {
  if (weight == 1) {
    for (std::int64_t k = 0; k < n; ++k) sum[k] += to_fixed(double(x[k]), scale);
  } else {
    for (std::int64_t k = 0; k < n; ++k) sum[k] += weight * to_fixed(double(x[k]), scale);
  }
}

inline void prefetch_row(const std::int64_t* row, int width) {
  for (int k = 0; k < width; k += 8) __builtin_prefetch(row + k, 1);
}

// Spin locks, one for many rows, each in its own cache line: they are held for about a hundred
// nanoseconds.
class RowLocks {
 public:
  RowLocks() : stripes_(count) {}
  class Hold {
   public:
    Hold(RowLocks& locks, std::int64_t row) : flag_(locks.stripes_[std::size_t(row) % count].flag) {
      while (flag_.test_and_set(std::memory_order_acquire))
        while (flag_.test(std::memory_order_relaxed)) {
        }
    }
    ~Hold() { flag_.clear(std::memory_order_release); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    std::atomic_flag& flag_;
  };

 private:
  static constexpr std::size_t count = 512;
  struct alignas(64) Stripe {
    std::atomic_flag flag;
  };
  std::vector<Stripe> stripes_;
};

}  // namespace fedfuse::aggregate
