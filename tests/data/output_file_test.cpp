#include "data/output_file.hpp"

#include <gtest/gtest.h>

namespace fedfuse {
namespace {

TEST(OutputFile, CutsOnlyTheEndingsOfHdf5) {
  EXPECT_EQ(without_h5("out/run.h5"), "out/run");
  EXPECT_EQ(without_h5("run.hdf5"), "run");
  EXPECT_EQ(without_h5("lr0.1.h5"), "lr0.1");
  for (const auto* kept : {"lr0.1", "lr0.5", "run.v2", "run", "run.nc", "a.h5/run", ".h5",
                           "out/.hdf5", "run.h5.old", "ml-25m.sub"})
    EXPECT_EQ(without_h5(kept), kept);
}

}  // namespace
}  // namespace fedfuse
