#include "core/error.hpp"
#include "kernels/group_targets/group_targets.hpp"
#include "kernels/group_targets/target.hpp"

namespace fedfuse::group_targets {
namespace {

template <int J>
void run(const Problem& p) {
  for (std::int64_t l = 0; l < p.groups; ++l) {
    const std::int64_t* sums = p.sums + l * p.cells();
    const double* factors = p.factors + l * (1 + J);
    float* targets = p.targets + l * p.cells();
#pragma omp parallel for simd schedule(static)
    for (std::int64_t c = 0; c < p.cells(); ++c) {
      float x[J];
      for (int j = 0; j < J; ++j) x[j] = p.view[std::size_t(j)][c];
      targets[c] = target_of<J>(factors, sums[c], x);
    }
  }
}

}  // namespace

void run_cpu(const Problem& p) {
  FEDFUSE_CHECK(p.views >= 1 && p.views <= most_views, "targets are made of one to three views");
  if (p.views == 1) return run<1>(p);
  if (p.views == 2) return run<2>(p);
  run<3>(p);
}

}  // namespace fedfuse::group_targets
