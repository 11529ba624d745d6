#include "kernels/group_targets/group_targets.hpp"

namespace fedfuse::group_targets {

void reference(const Problem& p) {
  for (std::int64_t l = 0; l < p.groups; ++l)
    for (std::int64_t c = 0; c < p.cells(); ++c) {
      const double* f = p.factors + l * (1 + p.views);
      long double value =
          static_cast<long double>(f[0]) * static_cast<long double>(p.sums[l * p.cells() + c]);
      for (int j = 0; j < p.views; ++j)
        value += static_cast<long double>(f[1 + j]) *
                 static_cast<long double>(p.view[std::size_t(j)][c]);
      p.targets[l * p.cells() + c] = float(value);
    }
}

}  // namespace fedfuse::group_targets
