// A rank whose shared state has another bit is counted; what stays on the clients may differ.
#include "results/agreement.hpp"

#include <gtest/gtest.h>

namespace fedfuse {
namespace {

struct State {
  Matrix<float> table{4, 3, 1.5F};
  std::vector<double> moments = {1, 2, 3};
  std::int64_t step = 7;
  std::string text = "groups";
  std::vector<float> own;  // of the clients

  VisitState visit() {
    return [this](StateVisitor& visitor) {
      visitor.matrix("table", table);
      visitor.shared("moments", std::span<double>(moments));
      visitor.number("step", step);
      visitor.text("text", text);
      visitor.clients("own", 1, std::span<float>(own));
    };
  }
};

TEST(Agreement, ClientsMayDiffer) {
  const auto comm = Comm::world();
  State state;
  state.own.assign(std::size_t(comm.rank()) + 1, float(comm.rank()));
  EXPECT_EQ(ranks_that_differ(state.visit(), comm), 0);
}

TEST(Agreement, EveryRankWithAnotherBitIsCounted) {
  const auto comm = Comm::world();
  const bool other = !comm.root();
  const std::int64_t others = comm.size() - 1;
  for (int change = 0; change < 5; ++change) {
    State state;
    if (other && change == 0) state.table.row(3)[2] = -1.5F;
    if (other && change == 1) state.moments[1] = 2.0000000000000004;
    if (other && change == 2) state.step = 8;
    if (other && change == 3) state.text = "Groups";
    if (other && change == 4) state.table = Matrix<float>(4, 4, 1.5F);
    EXPECT_EQ(ranks_that_differ(state.visit(), comm), others) << change;
  }
}

TEST(Agreement, OnlyTheLastRankDiffers) {
  const auto comm = Comm::world();
  State state;
  if (comm.size() > 1 && comm.rank() == comm.size() - 1) state.moments.push_back(0);
  EXPECT_EQ(ranks_that_differ(state.visit(), comm), comm.size() > 1 ? 1 : 0);
}

}  // namespace
}  // namespace fedfuse
