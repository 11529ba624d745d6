#pragma once
// The shared model after a few rounds, none of which is refused.
#include <gtest/gtest.h>
#include <omp.h>

#include "server/federation.hpp"

namespace fedfuse::test {

inline GlobalModel after(const Config& config, const Dataset& data, const Comm& comm, int threads,
                         int rounds = 2) {
  omp_set_num_threads(threads);
  Federation federation(config, data, comm, threads);
  for (int r = 1; r <= rounds; ++r) EXPECT_FALSE(federation.run_round(r).failed_client);
  return federation.global();
}

}  // namespace fedfuse::test
