// core/finite: one number that is not finite is found wherever it stands, by any threads.
#include "core/finite.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <limits>
#include <vector>

namespace fedfuse {
namespace {

TEST(AllFinite, FindsWhatIsNotFiniteWhereverItStands) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float largest = std::numeric_limits<float>::max(), denormal = 1e-42f;
  const int threads = omp_get_max_threads();
  for (const int team : {1, 3}) {
    omp_set_num_threads(team);
    for (const std::size_t n : {1, 7, 64, 65536, 65537, 200001}) {
      std::vector<float> x(n, largest);
      x[n / 2] = -denormal;
      EXPECT_TRUE(all_finite(x)) << n;
      for (const std::size_t at : {std::size_t{0}, n / 2, n - 1})
        for (const float bad : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
          const float good = x[at];
          x[at] = bad;
          EXPECT_FALSE(all_finite(x)) << n << " " << at << " " << bad;
          x[at] = good;
        }
    }
  }
  omp_set_num_threads(threads);
  EXPECT_TRUE(all_finite({}));
}

}  // namespace
}  // namespace fedfuse
