#include <algorithm>
#include <cmath>

#include "kernels/row_median/row_median.hpp"

namespace fedfuse::row_median {

void reference(const Problem& p, std::int64_t* S) {
  for (std::int64_t i = 0; i < p.items; ++i)
    for (int k = 0; k < p.width; ++k) {
      std::vector<double> values;
      for (auto e = p.offsets[i]; e < p.offsets[i + 1]; ++e)
        values.push_back(double(p.x[std::int64_t(p.order[e]) * p.width + k]));
      std::ranges::sort(values);
      const auto n = std::int64_t(values.size()), cut = cut_of(p, n);
      double sum = 0;
      for (auto j = cut; j < n - cut; ++j) sum += values[std::size_t(j)];
      const double kept = double(n - 2 * cut);
      S[i * p.width + k] = n == 0 ? 0 : std::llrint(sum / kept * double(n) * p.scale);
    }
}

}  // namespace fedfuse::row_median
