// kernels/local_train: the reference against the golden values and finite differences, the variants
// against both.
#include "kernels/local_train/local_train.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/gpu/simt.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"
#include "tests/kernels/local_train/local_train_golden.hpp"
#include "tests/kernels/local_train/local_train_testing.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/oracle.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

using namespace local_train;
using test::asked_case;
using test::by_reference;
using test::by_variant;
using test::ClientCase;
using test::expect_close;
using test::expect_same;
using test::random_case;
using test::Trained;

Trained golden(const h5::File& file, const std::string& group, const ClientCase& c) {
  const std::string out = group + "/out";
  const auto kind = c.shape.head.kind;
  Trained t;
  t.loss = test::read_double(file, out + "/loss");
  t.client.theta = test::concatenated(file, out, test::theta_names(kind));
  t.client.user = test::concatenated(file, out, test::user_names(kind));
  if (c.shape.views > 1) t.client.router = test::concatenated(file, out, test::router_names());
  if (c.shape.personal) t.client.personal = test::read_double(file, out + "/P");
  if (c.shape.rows_trained)
    t.client.table = test::read_double(file, out + "/table");
  else
    t.view_grad = test::read_double(file, out + "/view_grad");
  return t;
}

TEST(LocalTrain, GoldenValues) {
  FEDFUSE_REQUIRE_GOLDENS();
  const auto file = h5::File::open(test::goldens_path());
  const auto groups = file.children("/client");
  ASSERT_GE(groups.size(), 15u);
  for (const auto& name : groups) {
    const auto c = test::read_client_case(file, "/client/" + name);
    const auto want = golden(file, "/client/" + name, c);
    expect_same(c, want, by_reference(c), 1e-10, name + " reference");
    for (const auto& v : test::runnable(variants()))
      expect_same(c, want, by_variant(c, v), 1e-4, name + " " + std::string(v.name));
    if (c.shape.views > 1) {
      std::vector<std::int64_t> items;
      for (const auto& step : c.steps.items) items.insert(items.end(), step.begin(), step.end());
      std::ranges::sort(items);
      items.erase(std::ranges::unique(items).begin(), items.end());
      expect_close(test::read_double(file, "/client/" + name + "/out/router_weights_at_start"),
                   reference_router(c.shape, c.client, items), 1e-10, name);
    }
  }
}

TEST(LocalTrain, GradientsAgainstFiniteDifferences) {
  for (const auto head : all_heads())
    for (const int views : {1, 3})
      for (const bool personal : {false, true}) {
        if (personal && head_layout(head, 8).item_width > 8) continue;  // personal rows are d wide
        auto c = random_case({head, 8, views, views == 1, personal, 0, 0.5, personal, 9, 9, 1}, 5);
        // FedRAP's terms hold fixed views constant (models.md section 2): the full slope would see
        // through the router.
        if (views > 1) c.rates.rap_alpha = c.rates.rap_beta = 0;
        DenseClient g = c.client;
        for (auto* v : {&g.theta, &g.user, &g.router, &g.table, &g.personal})
          v->assign(v->size(), 0.0);
        (void)reference_loss(c.shape, c.rates, c.client, c.steps.items[0], c.steps.labels[0], &g);
        const auto check = [&](std::vector<double> DenseClient::* part, const char* what) {
          for (std::size_t k = 0; k < (c.client.*part).size(); k += 3) {
            const double h = 1e-6;
            DenseClient up = c.client, down = c.client;
            (up.*part)[k] += h;
            (down.*part)[k] -= h;
            const double slope = (reference_loss(c.shape, c.rates, up, c.steps.items[0],
                                                 c.steps.labels[0], nullptr) -
                                  reference_loss(c.shape, c.rates, down, c.steps.items[0],
                                                 c.steps.labels[0], nullptr)) /
                                 (2 * h);
            ASSERT_NEAR(slope, (g.*part)[k], 1e-7 + 1e-5 * std::abs(slope))
                << head << " views " << views << " personal " << personal << " " << what << " "
                << k;
          }
        };
        check(&DenseClient::theta, "theta");
        check(&DenseClient::user, "user");
        check(&DenseClient::router, "router");
        check(&DenseClient::personal, "P");
        check(&DenseClient::table, "table");
      }
}

TEST(LocalTrain, VariantsAgainstReferenceOnEveryShape) {
  const auto here = test::runnable(variants());
  std::uint64_t seed = 1100;
  for (const auto head : all_heads())
    for (const int d : {8, 12, 32, 64, 128})
      for (const int views : {1, 2, 3})
        for (const bool trained : {true, false})
          for (const bool personal : {false, true})
            for (const double lambda : {0.0, 0.7}) {
              if ((views > 1 && trained) || (personal && head_layout(head, d).item_width > d))
                continue;
              const auto c = asked_case({head, d, views, trained, personal, lambda > 0 ? 0.02 : 0.0,
                                         lambda, personal, 23, 9, 2},
                                        ++seed);
              const auto want = by_reference(c);
              for (const auto& v : test::training(here, c.shape.head))
                expect_same(c, want, by_variant(c, v), 2e-4,
                            cat(v.name, " ", head, " d ", d, " views ", views, " trained ", trained,
                                " personal ", personal, " lambda ", lambda));
            }
}

// With weight decay, whose factor the size of a batch does not change, and batches of two sizes.
TEST(LocalTrain, RowsThatStepByTheSum) {
  const auto here = test::runnable(variants());
  std::uint64_t seed = 500;
  for (const auto head : all_heads())
    for (const bool personal : {false, true})
      for (const double decay : {0.0, 0.05}) {
        constexpr int d = 16;
        if (personal && head_layout(head, d).item_width > d) continue;
        const auto c = asked_case({.head = head,
                                   .d = d,
                                   .views = 1,
                                   .trained = true,
                                   .personal = personal,
                                   .decay = decay,
                                   .lambda = 0.3,
                                   .negatives_only = false,
                                   .samples = 23,
                                   .batch = 9,
                                   .epochs = 2,
                                   .by_sum = true},
                                  ++seed);
        const auto want = by_reference(c);
        for (const auto& v : test::training(here, c.shape.head))
          expect_same(c, want, by_variant(c, v), 2e-4,
                      cat(v.name, " ", head, " personal ", personal, " decay ", decay));
      }
}

// The router keeps every bit, also under weight decay; the rest trains as the reference does.
TEST(LocalTrain, AFrozenRouterStays) {
  const auto here = test::runnable(variants());
  for (const int views : {2, 3}) {
    auto c = asked_case({.head = HeadKind::linear,
                         .d = 12,
                         .views = views,
                         .trained = false,
                         .personal = false,
                         .decay = 0.1,
                         .lambda = 0.0,
                         .negatives_only = false,
                         .samples = 23,
                         .batch = 8,
                         .epochs = 2},
                        std::uint64_t(views));
    c.rates.router_learns = false;
    std::vector<double> start(c.client.router);
    for (auto& x : start) x = double(float(x));
    const auto want = by_reference(c);
    EXPECT_EQ(want.client.router, c.client.router);
    for (const auto& variant : test::training(here, c.shape.head)) {
      const auto got = by_variant(c, variant);
      EXPECT_EQ(got.client.router, start) << variant.name;
      expect_same(c, want, got, 3e-4, std::string(variant.name));
    }
  }
}

// A row of one sample a batch, linear head: C <- C - eta_I (p - y) w whatever the batch.
TEST(LocalTrain, TheSizeOfABatchDoesNotDivideARowsStep) {
  for (const int others : {0, 1, 8}) {
    ClientCase c = random_case({.head = HeadKind::linear,
                                .d = 8,
                                .views = 1,
                                .trained = true,
                                .personal = false,
                                .decay = 0,
                                .lambda = 0,
                                .negatives_only = false,
                                .samples = 1,
                                .batch = 1,
                                .epochs = 1,
                                .by_sum = true},
                               3);
    c.steps = {{{38}}, {{1.0}}};
    for (int k = 0; k < others; ++k) {
      c.steps.items[0].push_back(k);
      c.steps.labels[0].push_back(0.0);
    }
    const double* row = c.client.table.data() + 38 * 8;
    double s = c.client.theta[8];
    for (std::size_t k = 0; k < 8; ++k) s += c.client.theta[k] * row[k];
    const double slope = 1 / (1 + std::exp(-s)) - 1;
    const auto got = by_variant(c, production());
    for (std::size_t k = 0; k < 8; ++k)
      EXPECT_NEAR(got.client.table[38 * 8 + k],
                  row[k] - c.rates.lr_items * slope * c.client.theta[k], 1e-6)
          << others;
  }
}

TEST(LocalTrain, OneSampleAndLargeBatch) {
  const auto here = test::runnable(variants());
  for (const auto head : all_heads())
    for (const int samples : {1, 2, 257}) {
      const auto c = asked_case({head, 16, 1, true, false, 0, 0, false, samples, 256, 1}, 7);
      for (const auto& v : test::training(here, c.shape.head))
        expect_same(c, by_reference(c), by_variant(c, v), 2e-4, cat(head, " samples ", samples));
    }
}

// A whole epoch is one batch: the device keeps the rows of a linear head in registers. Sizes fill
// its blocks, leave one row free, and are beyond every block; slots are drawn more than once.
TEST(LocalTrain, AnEpochInOneBatch) {
  const auto here = test::runnable(variants());
  std::uint64_t seed = 900;
  for (const int d : {32, 64, 128})
    for (const int samples : {1, 33, 85, 96, 97, 192, 256})
      for (const bool trained : {true, false})
        for (const double decay : {0.0, 0.02}) {
          const auto c = asked_case({.head = HeadKind::linear,
                                     .d = d,
                                     .views = 1,
                                     .trained = trained,
                                     .personal = false,
                                     .decay = decay,
                                     .lambda = decay > 0 ? 0.7 : 0.0,
                                     .negatives_only = samples % 2 == 1,
                                     .samples = samples,
                                     .batch = 256,
                                     .epochs = 3,
                                     .by_sum = samples > 90},
                                    ++seed);
          const auto want = by_reference(c);
          for (const auto& v : test::training(here, c.shape.head))
            expect_same(c, want, by_variant(c, v), 2e-4,
                        cat(v.name, " d ", d, " samples ", samples, " trained ", trained, " decay ",
                            decay));
        }
}

void expect_same_in_every_order(const ClientCase& c, const std::string& what) {
  for (const auto& v : test::training(test::runnable_on_devices(variants()), c.shape.head)) {
    const auto want = by_variant(c, v);
    for (const auto order : {simt::Order::descending, simt::Order::shuffled}) {
      simt::set_schedule({order, 3, 1});
      expect_same(c, want, by_variant(c, v), 0.0, cat(v.name, " ", what, " order ", int(order)));
    }
    simt::set_schedule({});
  }
}

// The device kernel's threads in any order, and blocks that share nothing: the same bits. On CUDA:
// again and again.
TEST(LocalTrain, KernelGivesTheSameBitsInEveryOrder) {
  for (const auto head : all_heads())
    for (const int views : {1, 3}) {
      const auto c = random_case(
          {head, 32, views, views == 1, head == HeadKind::linear, 0.02, 0.5, false, 41, 17, 2}, 9);
      expect_same_in_every_order(c, cat(head, " views ", views));
    }
  // the rows of a linear head in registers
  for (const bool trained : {true, false})
    expect_same_in_every_order(
        random_case({HeadKind::linear, 64, 1, trained, false, 0.02, 0.5, false, 85, 256, 2}, 9),
        cat("one batch, trained ", trained));
}
}  // namespace
}  // namespace fedfuse
