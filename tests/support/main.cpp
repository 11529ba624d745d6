// MPI around GoogleTest: every rank runs the same tests; rank 0 reports, and a failure on any rank counts.
#include <gtest/gtest.h>

#include "core/comm.hpp"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  fedfuse::MpiSession session(argc, argv);
  const auto comm = fedfuse::Comm::world();
  if (!comm.root()) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
  }
  const int failed = RUN_ALL_TESTS();
  const auto anywhere = comm.max(std::int64_t(failed));
  if (comm.root() && failed == 0 && anywhere != 0) std::fprintf(stderr, "a test failed on another rank\n");
  return int(anywhere);
}
