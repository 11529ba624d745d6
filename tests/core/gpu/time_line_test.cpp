// What a profiler sees of a round: its phases as ranges.
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/timer.hpp"
#include "tests/core/gpu/time_line_listener.hpp"

namespace fedfuse {
namespace {

using Heard = std::vector<std::string>;

TEST(TimeLine, PhasesAreRangesThatNestAndEnd) {
  test::heard().clear();
  PhaseTimer timer;
  timer.time(Phase::training, [&] { timer.time(Phase::sampling, [] {}); });
  EXPECT_EQ(test::heard(), (Heard{"training", "sampling", "end", "end"}));
}

TEST(TimeLine, APhaseThatFailsEnds) {
  test::heard().clear();
  PhaseTimer timer;
  EXPECT_THROW(timer.time(Phase::teacher, [] { throw std::runtime_error("half way"); }),
               std::runtime_error);
  EXPECT_EQ(test::heard(), (Heard{"teacher", "end"}));
}

}  // namespace
}  // namespace fedfuse
