// MPI around GoogleTest: every rank runs the same tests; rank 0 reports, and a failure on any rank
// counts.
#include <gtest/gtest.h>

#include "core/comm.hpp"
#include "tests/support/inputs.hpp"

// Leaks are looked for while Open MPI is still loaded: its own are then reachable or named by
// tests/support/lsan.supp. At the exit its plugins are unloaded, and a leak has no owner;
// under mpirun there are more of them than a file can name.
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
namespace {
bool leaks(const fedfuse::Comm& comm) {
  return comm.size() == 1 && __lsan_do_recoverable_leak_check() != 0;
}
}  // namespace
#else
namespace {
bool leaks(const fedfuse::Comm&) { return false; }
}  // namespace
#endif

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  fedfuse::MpiSession session(argc, argv);
  const auto comm = fedfuse::Comm::world();
  if (!comm.root()) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): GoogleTest hands it over
    delete listeners.Release(listeners.default_result_printer());
  }
  if (const auto asked = fedfuse::test::asked_seed(); asked != 0 && comm.root())
    std::printf("inputs of FEDFUSE_TEST_SEED=%llu\n", static_cast<unsigned long long>(asked));
  const int failed = RUN_ALL_TESTS() != 0 || leaks(comm) ? 1 : 0;
  const auto anywhere = comm.max(std::int64_t(failed));
  if (comm.root() && failed == 0 && anywhere != 0)
    std::fprintf(stderr, "a test failed on another rank\n");
  return int(anywhere);
}
