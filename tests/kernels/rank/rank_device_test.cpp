// The rank kernels of a device, emulated and on CUDA where there is one: more than one tile of
// everything, batches, orders of threads, what is not served.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/gpu/simt.hpp"
#include "core/matrix.hpp"
#include "kernels/rank/rank_gpu.hpp"
#include "tests/kernels/rank/rank_testing.hpp"

namespace fedfuse {
namespace {

using rank::Case;
using rank::CaseShape;
using rank::OwnRows;
using rank::Ranks;
using test::name;
using test::ranks_by;

// The device kernel on more than one tile of clients and of items, and with real numbers: the
// held-out items' ties with themselves must be exact. Units beyond one stage and one block, sizes
// of the tower that are filled and not; planes from one to four.
std::vector<CaseShape> shapes_of_many_tiles() {
  std::vector<CaseShape> all;
  for (const auto head : {HeadKind::linear, HeadKind::mlp, HeadKind::neumf})
    for (const auto own_rows : {OwnRows::none, OwnRows::add, OwnRows::replace}) {
      CaseShape s{.head = head,
                  .clients = 150,
                  .items = 401,
                  .d = 21,
                  .own_rows = own_rows,
                  .excluded = 9,
                  .seed = 77};
      s.shared_head = head != HeadKind::linear;
      s.base = own_rows == OwnRows::add;
      s.views = own_rows == OwnRows::none ? 3 : 1;
      if (head == HeadKind::neumf) {
        s.clients = 37;
        s.items = 267;
        s.d = own_rows == OwnRows::none ? 36 : 20;
      }
      s.wide = head == HeadKind::neumf && own_rows == OwnRows::replace;
      all.push_back(s);
    }
  all.push_back({.head = HeadKind::mlp,
                 .clients = 130,
                 .items = 129,
                 .d = 70,
                 .shared_head = true,
                 .seed = 78});
  all.push_back({.head = HeadKind::mlp,
                 .clients = 11,
                 .items = 140,
                 .d = 9,
                 .views = 3,
                 .shared_head = true,
                 .own_rows = OwnRows::add,
                 .base = true,
                 .seed = 79});
  all.push_back({.head = HeadKind::mlp,
                 .clients = 11,
                 .items = 140,
                 .d = 9,
                 .views = 2,
                 .shared_head = true,
                 .own_rows = OwnRows::add,
                 .seed = 80});
  all.push_back({.head = HeadKind::neumf,
                 .clients = 5,
                 .items = 70,
                 .d = 76,
                 .shared_head = true,
                 .wide = true,
                 .seed = 81});
  for (const auto& s : std::vector(all))
    if (s.clients < 100) {
      all.push_back(s);
      all.back().sampled = 31;
    }
  return test::with_asked_seed(all);
}

const std::vector<rank::Variant>& on_devices() {
  static const auto some = test::runnable_on_devices(rank::variants());
  return some;
}

// Some have a prior: fewer columns than a stage, or more, after the linear part or all units.
std::vector<CaseShape> with_priors(std::vector<CaseShape> all) {
  for (std::size_t k = 0; k < all.size(); ++k) all[k].groups = std::array{5, 20, 1}[k % 3];
  return all;
}

TEST(RankOnDevice, AgreesOverManyTiles) {
  auto all = shapes_of_many_tiles();
  const auto more = with_priors(all);
  all.insert(all.end(), more.begin(), more.end());
  for (auto shape : all)
    for (const bool exact : {true, false}) {
      shape.exact = exact;
      const Case inputs(shape);
      const auto want = ranks_by(rank::reference, inputs.problem());
      for (const auto& variant : on_devices()) {
        const auto got = ranks_by(variant.run, inputs.problem());
        int different = 0;
        for (std::size_t u = 0; u < want.size(); ++u) {
          EXPECT_LE(std::abs(want[u].valid - got[u].valid), exact ? 0 : 1)
              << variant.name << ": " << name(shape) << " client " << u;
          EXPECT_LE(std::abs(want[u].test - got[u].test), exact ? 0 : 1)
              << variant.name << ": " << name(shape) << " client " << u;
          different += want[u] != got[u];
        }
        EXPECT_LE(different, exact ? 0 : 2) << variant.name << ": " << name(shape);
      }
    }
}

// A count of 8 bits must be emptied before it overflows: every item ties, over more tiles than it
// holds.
TEST(RankOnDevice, CountsPastEightBits) {
  constexpr int items = 40 * 128;
  Matrix<float> table(items, 1, 0.5f), theta(1, 2, 1.0f);
  const rank::Model model{
      .head = head_layout(HeadKind::linear, 1), .items = items, .width = 1, .view = {table.data()}};
  const std::vector<rank::Client> clients{{.theta = theta.data(), .valid = 1, .test = 2}};
  for (const auto& variant : on_devices())
    EXPECT_EQ(ranks_by(variant.run, {model, clients})[0],
              (Ranks{1 + items / 2, 1 + (items - 1) / 2}))
        << variant.name;
}

// Of the emulated threads; on CUDA, again and again.
TEST(RankOnDevice, GivesTheSameInEveryOrder) {
  auto all = shapes_of_many_tiles();
  for (std::size_t k = 0; k < all.size(); k += 2) all[k].groups = 7;
  for (auto shape : all) {
    shape.exact = false;
    const Case inputs(shape);
    for (const auto& variant : on_devices()) {
      const auto want = ranks_by(variant.run, inputs.problem());
      for (const auto order : {simt::Order::descending, simt::Order::shuffled}) {
        simt::set_schedule({order, 11, 1});
        EXPECT_TRUE(ranks_by(variant.run, inputs.problem()) == want)
            << variant.name << ": " << name(shape) << " order " << int(order);
      }
      simt::set_schedule({});
    }
  }
}

// Mutants: every wait for a stage of shared memory is one group short.
TEST(RankOnDevice, AWaitThatIsTooShortShows) {
  for (const auto& shape : shapes_of_many_tiles()) {
    // sampled candidates and towers have kernels that copy nothing so
    if (shape.sampled > 0 || shape.head == HeadKind::neumf) continue;
    const Case inputs(shape);
    for (const auto& variant : on_devices()) {
      if (variant.runs != gpu::Runs::for_proof) continue;
      const auto want = ranks_by(variant.run, inputs.problem());
      simt::set_schedule({.waits_short = 1});
      EXPECT_FALSE(ranks_by(variant.run, inputs.problem()) == want) << name(shape);
      simt::set_schedule({});
    }
  }
}

// An evaluation's batches: however they are cut, and no more memory than the plan says.
TEST(RankOnDevice, BatchesDecideNothing) {
  for (const auto head : {HeadKind::linear, HeadKind::mlp, HeadKind::neumf})
    for (const auto& [sampled, groups] : {std::pair{0, 0}, {19, 0}, {0, 6}, {19, 6}}) {
      CaseShape shape{.head = head,
                      .clients = 23,
                      .items = 130,
                      .shared_head = true,
                      .own_rows = OwnRows::add,
                      .base = true,
                      .excluded = 5,
                      .sampled = sampled,
                      .groups = groups};
      shape.exact = false;
      const Case inputs(shape);
      const auto problem = inputs.problem();
      std::vector<std::vector<Ranks>> want;  // of each device
      for (const rank::BatchLimits limits :
           {rank::BatchLimits{}, {.clients = 4}, {.own_rows = 45}, {.listed = 1}})
        for (std::size_t k = 0; const auto& device : test::fresh_devices()) {
          std::vector<Ranks> got(problem.clients.size());
          rank::DeviceRanker(device, problem.model, sampled > 0, limits).run(problem.clients, got);
          if (want.size() == k) want.push_back(got);
          EXPECT_TRUE(got == want[k++]) << device->info().name << ": " << name(shape);
          EXPECT_EQ(device->held_bytes(), 0);
          rank::GpuRank s;
          s.head = problem.model.head;
          s.items = shape.items;
          s.width = problem.model.width;
          s.planes = 2;
          s.prior_groups = groups;
          s.excluded_count = 5;
          s.clients = std::min<std::int64_t>(shape.clients, limits.clients);
          s.own_count = s.clients * shape.own;
          EXPECT_LE(device->high_water_bytes(),
                    rank::table_bytes(s) +
                        rank::batch_bytes(s, s.own_count + s.clients * (shape.dropped + sampled)));
        }
    }
}

TEST(RankOnDevice, RefusesWhatItDoesNotServe) {
  for (const auto& shape : {CaseShape{.head = HeadKind::mlp}, CaseShape{.head = HeadKind::neumf},
                            CaseShape{.head = HeadKind::neumf, .d = 132, .shared_head = true},
                            CaseShape{.head = HeadKind::mlp, .views = 5, .shared_head = true}}) {
    const Case inputs(shape);
    EXPECT_THROW(ranks_by(rank::emulated, inputs.problem()), InputError) << name(shape);
  }
}

}  // namespace
}  // namespace fedfuse
