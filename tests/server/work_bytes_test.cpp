// The bytes that a rank gives to each verb in a round, against the formulas of restructuring.md, to
// the last byte; and that what should fall as 1/P does.
#include <gtest/gtest.h>

#include <numeric>

#include "clients/sampler.hpp"
#include "kernels/teacher/teacher.hpp"
#include "kernels/views/views.hpp"
#include "tests/server/work_setting.hpp"

namespace fedfuse {
namespace {

using namespace test::work;

constexpr std::int64_t flags = (items + 7) / 8 * 8;  // eight rows a word

struct Moves {
  std::int64_t sum = 0, reduce_scatter = 0, gather = 0;
  bool operator==(const Moves&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Moves& m) {
  return out << m.sum << " summed, " << m.reduce_scatter << " to owners, " << m.gather
             << " gathered";
}

struct Counted {
  test::SmallData small{many_items()};
  Comm comm = Comm::world();
  Dataset data = small.together(comm), alone = small.alone();
  RowSplit mine{items, comm};

  // Of round 1; its groups are read afterwards.
  Moves moves(const Config& config, std::vector<std::int32_t>& group) {
    Federation federation(config, data, comm, 2);
    const auto before = comm.moved();
    EXPECT_FALSE(federation.run_round(1).failed_client);
    const auto after = comm.moved();
    const auto of = [&](Verb verb) { return after.bytes_of(verb) - before.bytes_of(verb); };
    EXPECT_EQ(of(Verb::exchange), 0);
    Federation whole(config, alone, Comm::self(), 2);
    EXPECT_FALSE(whole.run_round(1).failed_client);
    group = whole.groups();
    return {of(Verb::sum), of(Verb::reduce_scatter), of(Verb::gather)};
  }
  // Rows that clients of this group touch (-1: all clients), in [first, first + count).
  [[nodiscard]] std::int64_t touched(const Config& config, const std::vector<std::int32_t>& group,
                                     int l, std::int64_t first = 0,
                                     std::int64_t count = items) const {
    std::vector<std::uint8_t> rows(std::size_t{items}, 0);
    const Sampler sampler(config, alone);
    Samples samples;
    for (std::int64_t u = 0; u < alone.local_clients(); ++u) {
      if (l >= 0 && group[std::size_t(u)] != l) continue;
      sampler.draw(u, 1, samples);
      for (const auto i : samples.items) rows[std::size_t(i)] = 1;
    }
    return std::accumulate(rows.begin() + first, rows.begin() + first + count, std::int64_t(0));
  }
  [[nodiscard]] Moves if_shared(const Moves& moves) const {
    return comm.size() > 1 ? moves : Moves{};
  }
};

// Clients and weights; rho, three losses, two counts.
constexpr std::int64_t of_round = 2 * 8, of_numbers = (1 + 3 + 2) * 8;

TEST(WorkBytes, RowsGoToOwnersAndComeBackAsFloats) {
  Counted run;
  const auto config = config_of("none");
  std::vector<std::int32_t> group;
  const auto got = run.moves(config, group);
  const auto t = run.touched(config, group, -1);
  ASSERT_GT(4 * t, 3 * items);  // so whole tables are gathered
  EXPECT_EQ(got, run.if_shared(
                     {of_round + flags + of_numbers, 8 * (d + 1) * t, 4 * d * run.mine.my_rows()}));
}

// Where a quarter of the rows is touched by nobody, only the others come back.
TEST(WorkBytes, OnlyTouchedRowsComeBack) {
  Counted run;
  auto config = config_of("none");
  config.federation.negatives_per_positive = 3;
  std::vector<std::int32_t> group;
  const auto got = run.moves(config, group);
  const auto t = run.touched(config, group, -1),
             own = run.touched(config, group, -1, run.mine.my_first(), run.mine.my_rows());
  ASSERT_LT(4 * t, 3 * items);
  EXPECT_EQ(got, run.if_shared({of_round + flags + of_numbers, 8 * (d + 1) * t, 4 * d * own}));
}

// Gradients stay with the owners of their rows; the operators' gradients are summed exactly.
TEST(WorkBytes, ViewsAreGatheredOnce) {
  Counted run;
  const auto config = config_of("fedvlr");
  std::vector<std::int32_t> group;
  const auto got = run.moves(config, group);
  const auto t = run.touched(config, group, -1);
  const views::Layout layout({d, dim_text, dim_image, config.fedvlr.views, config.fedvlr.norm});
  const auto views = std::int64_t(layout.views.size());
  const std::int64_t fits = 8, gradient = 16 * std::int64_t(layout.size);
  EXPECT_EQ(got, run.if_shared({of_round + views * flags + of_numbers + fits + gradient,
                                views * 8 * d * t, views * 4 * d * run.mine.my_rows()}));
}

// The sums of groups stay with the owners; a step sums the gradients of all parameters.
TEST(WorkBytes, TargetsStayWithTheirOwners) {
  Counted run;
  auto config = config_of("gfmfr");
  config.gfmfr.teacher.solver = TeacherSolver::batches;
  config.gfmfr.group_by = GroupBy::random;
  std::vector<std::int32_t> group;
  const auto got = run.moves(config, group);
  auto t = (d + 1) * run.touched(config, group, -1);
  for (int l = 0; l < groups; ++l) t += d * run.touched(config, group, l);
  teacher::Offsets at;
  const auto parameters = std::int64_t(
      teacher::declare({groups, items, d, group_dim, dim_text, dim_image}, at).values.size());
  const std::int64_t grouping = (1 + groups + 1) * 8, of_group = flags + (d + 1 + 3 + 1) * 8,
                     steps = teacher_epochs * 16 * (parameters + 1);
  EXPECT_EQ(got,
            run.if_shared({of_round + flags + of_numbers + grouping + groups * of_group + steps,
                           8 * t, 4 * (d + groups) * run.mine.my_rows()}));
}

// What no rank does more of than the rank with the most blocks has to: with twice the ranks, half.
TEST(WorkBytes, WorkFallsWithTheRanks) {
  const Counted run;
  const std::int64_t ranks = run.comm.size(), blocks = (items + 255) / 256,
                     most_rows = (blocks + ranks - 1) / ranks * 256;
  const auto after = [&](const Config& config) {
    Federation federation(config, run.data, run.comm, 2);
    const auto start = federation.work();
    EXPECT_FALSE(federation.run_round(1).failed_client);
    auto work = federation.work();
    work.views_flop -= start.views_flop;
    return work;
  };
  auto config = config_of("gfmfr");
  config.gfmfr.teacher.solver = TeacherSolver::batches;
  const auto taught = after(config);
  EXPECT_LE(taught.decoded, (1 + groups) * d * most_rows);
  EXPECT_LE(taught.teacher_flop,
            teacher_epochs * (of_slots(most_rows, most_rows / 256) + 12 * teacher_parameters()) +
                of_preferences(most_rows));
  const Federation viewed(config_of("fedvlr"), run.data, run.comm, 2);
  EXPECT_LE(viewed.views()->rows().count, most_rows);
  EXPECT_LE(after(config_of("fedvlr")).decoded, 3 * d * most_rows);
}

}  // namespace
}  // namespace fedfuse
