// The rank kernel (R2, R5) against the naive double form: every head, views, own rows, masks, on
// odd sizes.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/h5.hpp"
#include "tests/kernels/rank/rank_testing.hpp"
#include "tests/support/oracle.hpp"

namespace fedfuse {
namespace {

using rank::Case;
using rank::CaseShape;
using rank::OwnRows;
using rank::Ranks;
using test::name;
using test::ranks_by;
using test::serving;

// Heads x sharing x views x own rows x base x candidates, sizes that fill no vector and no tile
// evenly.
std::vector<CaseShape> shapes() {
  std::vector<CaseShape> all;
  std::uint64_t seed = 0;
  for (const auto head : all_heads())
    for (const bool shared : {false, true})
      for (const int views : {1, 3})
        for (const auto own_rows : {OwnRows::none, OwnRows::add, OwnRows::replace})
          for (const int sampled : {0, 19}) {
            const bool two_halves = head_layout(head, 8).item_width > 8;
            const int d = two_halves ? 8 : 11;
            CaseShape s{.head = head,
                        .clients = 9,
                        .items = 131,
                        .d = d,
                        .views = views,
                        .shared_head = shared,
                        .own_rows = own_rows,
                        .sampled = sampled,
                        .seed = ++seed};
            s.wide = two_halves && views == 1;
            s.base = own_rows == OwnRows::add && seed % 2 == 0;
            s.excluded = seed % 3 == 0 ? 11 : 0;
            all.push_back(s);
            s.items = 64;
            s.own = 64;
            s.seed = ++seed;  // full tiles; every item an own row
            all.push_back(s);
          }
  // one d-wide table under neumf
  all.push_back(
      {.head = HeadKind::neumf, .items = 70, .d = 12, .own_rows = OwnRows::add, .base = true});
  all.push_back({.clients = 3, .items = 2, .d = 1, .dropped = 0});
  return test::with_asked_seed(all);
}

TEST(Rank, EveryVariantCountsLikeTheNaiveForm) {
  for (const auto& shape : shapes()) {
    const Case inputs(shape);
    const auto want = ranks_by(rank::reference, inputs.problem());
    for (const auto& variant : serving(inputs.problem()))
      EXPECT_TRUE(ranks_by(variant.run, inputs.problem()) == want)
          << variant.name << ": " << name(shape);
  }
}

// With real numbers, rounding may swap items whose scores differ by less than it: few, and by
// little.
TEST(Rank, StaysByTheNaiveFormOnRealNumbers) {
  for (auto shape : shapes()) {
    shape.exact = false;
    const Case inputs(shape);
    const auto want = ranks_by(rank::reference, inputs.problem()),
               got = ranks_by(rank::cpu_tiles, inputs.problem());
    int different = 0;
    for (std::size_t u = 0; u < want.size(); ++u) {
      EXPECT_LE(std::abs(want[u].valid - got[u].valid), 1) << name(shape);
      EXPECT_LE(std::abs(want[u].test - got[u].test), 1) << name(shape);
      different += want[u] != got[u];
    }
    EXPECT_LE(different, 1) << name(shape);
  }
}

// The same shapes with a prior of some groups: fewer than a vector has lanes, or more than a tile.
std::vector<CaseShape> shapes_with_prior() {
  auto all = shapes();
  for (std::size_t k = 0; k < all.size(); ++k) all[k].groups = std::array{1, 5, 20, 67}[k % 4];
  return all;
}

TEST(Rank, EveryVariantAddsThePrior) {
  int changed = 0;
  for (const auto& shape : shapes_with_prior()) {
    const Case inputs(shape);
    const auto want = ranks_by(rank::reference, inputs.problem());
    for (const auto& variant : serving(inputs.problem()))
      EXPECT_TRUE(ranks_by(variant.run, inputs.problem()) == want)
          << variant.name << ": " << name(shape);
    auto without = shape;
    without.groups = 0;
    changed += ranks_by(rank::cpu_tiles, Case(without).problem()) != want;
  }
  EXPECT_GT(changed, int(shapes().size()) - 3);
}

// Scores of four clients together, alone, of listed items and of own rows have the same bits: else
// a held-out item would not meet itself as a tie.
TEST(Rank, AnItemTiesWithItselfUnderAPrior) {
  for (auto shape : shapes_with_prior()) {
    shape.exact = false;
    const Case inputs(shape);
    const auto want = ranks_by(rank::reference, inputs.problem()),
               got = ranks_by(rank::cpu_tiles, inputs.problem());
    int different = 0;
    for (std::size_t u = 0; u < want.size(); ++u) {
      EXPECT_LE(std::abs(want[u].valid - got[u].valid), 1) << name(shape);
      EXPECT_LE(std::abs(want[u].test - got[u].test), 1) << name(shape);
      different += want[u] != got[u];
    }
    EXPECT_LE(different, 1) << name(shape);
  }
}

TEST(Rank, SameForAnyThreads) {
  const int before = omp_get_max_threads();
  for (auto shape : shapes()) {
    shape.exact = false;
    const Case inputs(shape);
    omp_set_num_threads(1);
    const auto want = ranks_by(rank::cpu_tiles, inputs.problem());
    for (const int threads : {2, 3}) {
      omp_set_num_threads(threads);
      EXPECT_TRUE(ranks_by(rank::cpu_tiles, inputs.problem()) == want) << name(shape);
    }
  }
  omp_set_num_threads(before);
}

// A linear model over the identity table: client u's score of item i is weight i of its head.
struct ScoreRows {
  explicit ScoreRows(std::int64_t clients, int items)
      : table(items, items), theta(clients, items + 1) {
    for (int i = 0; i < items; ++i) table(i, i) = 1.0f;
    model.head = head_layout(HeadKind::linear, items);
    model.items = items;
    model.width = items;
    model.view[0] = table.data();
  }
  rank::Client client(std::int64_t u) const { return {.theta = theta.row(u)}; }
  Matrix<float> table, theta;
  rank::Model model;
};

TEST(Rank, ReproducesTheGoldenRanks) {
  FEDFUSE_REQUIRE_GOLDENS();
  const auto file = h5::File::open(test::goldens_path());
  const auto scores = file.read_matrix<double>("ranks/in/scores");
  const auto dropped = file.read_matrix<std::uint8_t>("ranks/in/dropped");
  const auto held = file.read_all<std::int64_t>("ranks/in/held_out"),
             want = file.read_all<std::int64_t>("ranks/out/rank");
  ScoreRows rows(scores.rows, int(scores.cols));
  std::vector<std::vector<std::int32_t>> lists(std::size_t(scores.rows));
  std::vector<rank::Client> clients;
  for (std::int64_t u = 0; u < scores.rows; ++u) {
    for (std::int64_t i = 0; i < scores.cols; ++i) {
      rows.theta(u, i) = float(scores(u, i));
      if (dropped(u, i) != 0) lists[std::size_t(u)].push_back(std::int32_t(i));
    }
    clients.push_back(rows.client(u));
    clients.back().dropped = lists[std::size_t(u)];
    clients.back().test = std::int32_t(held[std::size_t(u)]);
  }
  for (const auto& variant : serving({rows.model, clients})) {
    const auto got = ranks_by(variant.run, {rows.model, clients});
    for (std::size_t u = 0; u < clients.size(); ++u)
      EXPECT_EQ(got[u], (Ranks{0, std::int32_t(want[u])})) << variant.name << " client " << u;
  }
}

TEST(Rank, ACollapsedModelDoesNotLookPerfect) {
  constexpr std::int64_t items = 100;
  for (const auto head : all_heads()) {
    const auto layout = head_layout(head, 8);
    Matrix<float> table(items, layout.item_width), theta(1, layout.theta, 0.37f),
        user(1, std::max(layout.user, 1), -0.21f);
    for (auto& x : table.values) x = 0.7312f;  // all items alike, tuned rows like the shared ones
    const std::vector<std::int32_t> own{3, 50, 51, 99}, dropped{0, 1, 2};
    Matrix<float> tuned(4, layout.item_width, 0.7312f);
    rank::Model model{.head = layout,
                      .items = items,
                      .width = layout.item_width,
                      .view = {table.data()},
                      .own_rows = OwnRows::replace};
    for (const bool shared : {false, true}) {
      model.theta = shared ? theta.data() : nullptr;
      const std::vector<rank::Client> client{{.theta = theta.data(),
                                              .user = user.data(),
                                              .row_ids = own,
                                              .rows = tuned.data(),
                                              .dropped = dropped,
                                              .valid = 60,
                                              .test = 51}};
      for (const auto& variant : serving({model, client})) {
        const auto got = ranks_by(variant.run, {model, client});
        EXPECT_EQ(got[0], (Ranks{1 + 96 / 2, 1 + 95 / 2 + 1})) << variant.name << " " << head;
      }
    }
  }
}

TEST(Rank, ScoresThatAreNotNumbersNeverWin) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(),
                  infinity = std::numeric_limits<float>::infinity();
  Matrix<float> table(5, 1);
  const std::vector<float> scores{3, nan, 1, nan, infinity};
  for (int i = 0; i < 5; ++i) table(i, 0) = scores[std::size_t(i)];
  Matrix<float> theta(1, 2);
  theta(0, 0) = 1.0f;
  const rank::Model model{
      .head = head_layout(HeadKind::linear, 1), .items = 5, .width = 1, .view = {table.data()}};
  const std::vector<rank::Client> clients{{.theta = theta.data(), .valid = 1, .test = 2},
                                          {.theta = theta.data(), .valid = 2, .test = 3}};
  for (const auto& variant : serving({model, clients})) {
    const auto got = ranks_by(variant.run, {model, clients});
    EXPECT_EQ(got[0], (Ranks{5, 3})) << variant.name;
    EXPECT_EQ(got[1], (Ranks{3, 4})) << variant.name;
  }
}

TEST(Rank, CountsItsWork) {
  const Case inputs({.clients = 10, .items = 100, .d = 16, .own = 0});
  const auto problem = inputs.problem();
  EXPECT_EQ(problem.flops(), 10.0 * 100 * 2 * 16);
  EXPECT_EQ(problem.bytes(), 4.0 * (100 * 16 + 10 * (17 + 15 + 4)));
  const Case prior({.clients = 10, .items = 100, .d = 16, .own = 0, .groups = 20});
  EXPECT_EQ(prior.problem().flops(), 10.0 * 100 * 2 * (16 + 20));
  EXPECT_EQ(prior.problem().bytes(), 4.0 * (100 * (16 + 20) + 10 * (17 + 20 + 15 + 4)));
  // Item halves once, user halves, then a maximum and a multiply-add a unit; with three views three
  // multiply-adds more.
  for (const int views : {1, 3}) {
    const Case hidden({.head = HeadKind::mlp,
                       .clients = 10,
                       .items = 100,
                       .d = 16,
                       .views = views,
                       .shared_head = true});
    const double mixing = views > 1 ? 2 * views : 0;
    EXPECT_EQ(hidden.problem().flops(),
              views * 100.0 * 2 * 16 * 16 + 10 * (2.0 * 16 * 16 + 100 * 16 * (3 + mixing)));
  }
}

}  // namespace
}  // namespace fedfuse
