#pragma once
// One number of a target, on processor and device alike.
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define FEDFUSE_TARGET __host__ __device__
#else
#define FEDFUSE_TARGET
#endif

namespace fedfuse::group_targets {

// factors: 1 + J; x: of the J views
template <int J>
FEDFUSE_TARGET inline float target_of(const double* factors, std::int64_t sum, const float* x) {
  double value = factors[0] * double(sum);
  for (int j = 0; j < J; ++j) value = std::fma(factors[1 + j], double(x[j]), value);
  return float(value);
}

}  // namespace fedfuse::group_targets

#undef FEDFUSE_TARGET
