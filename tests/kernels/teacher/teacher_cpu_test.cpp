// The work of an epoch by formula, and the scratch of the CPU's.
#include <gtest/gtest.h>

#include "kernels/teacher/teacher_case.hpp"
#include "kernels/teacher/teacher_net.hpp"

namespace fedfuse::teacher {
namespace {

// A workspace that served other shapes leaves no trace.
TEST(TeacherKernel, AWorkspaceServesAnyShape) {
  Workspace used;
  for (const auto& shape : shapes_to_test()) {
    Case fresh(shape), again(shape), third(shape);
    Workspace own;
    const double loss = production().run(fresh.problem(), own);
    for (auto* other : {&again, &third}) {
      EXPECT_EQ(production().run(other->problem(), used), loss) << fresh.name();
      EXPECT_EQ(other->values, fresh.values) << fresh.name();
    }
  }
}

TEST(TeacherKernel, CountsItsWork) {
  Case c({{5, 256, 64, 512, 512, 512}, 5, {true, 256}, true, 0.0});
  const auto p = c.problem();
  const double parameters = 5 * 512 + 64 * (3 * 512) + 8 * 64 * 64 + 6 * 64, steps = 6;
  EXPECT_EQ(p.steps_an_epoch(), 6);  // 51 items a batch, the last is ragged
  EXPECT_DOUBLE_EQ(p.flops(), 256 * (4.0 * 64 * 1024 + 24 * 64 * 64 + 5 * 12.0 * 64 * 64) +
                                  steps * (5 * (6.0 * 64 * 512 + 12 * 64 * 64) + 12 * parameters));
  EXPECT_DOUBLE_EQ(p.bytes(), 256 * (4100.0 + 5 * 256) + steps * 24 * parameters);
}

}  // namespace
}  // namespace fedfuse::teacher
