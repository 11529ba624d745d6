// Evaluation of trained models against the naive form, for every backbone and fusion, on any number
// of ranks.
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>

#include "core/gpu/device.hpp"
#include "core/gpu/simt.hpp"
#include "core/text.hpp"
#include "evaluation/evaluate_prior.hpp"
#include "evaluation/router_weights.hpp"
#include "kernels/local_train/local_train_gpu.hpp"
#include "kernels/rank/rank_gpu.hpp"
#include "tests/evaluation/naive.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

using test::Naive;

constexpr std::int64_t clients = 29, items = 83, trained = 70;

Config config_of(std::string_view backbone, std::string_view fusion) {
  Config c;
  c.model.backbone = backbone;
  c.model.fusion = fusion;
  c.model.dim = 8;
  c.model.personal_init_std = 0.1;  // a base under FedRAP's rows
  return c;
}

Evaluation evaluate_on(const Comm& comm, const Config& config, const EvaluationProtocol& protocol,
                       const std::shared_ptr<gpu::Device>& device = nullptr) {
  const auto data = test::make_data(clients, items, trained, comm);
  const auto f = test::make_federation(config, data);
  return evaluate(f.spec, f.global, f.state, data, protocol, comm, device);
}

Evaluation naive_of(const Config& config) {
  const auto data = test::make_data(clients, items, trained, Comm::self());
  const auto f = test::make_federation(config, data);
  const Naive naive{f, data};
  return test::naive_evaluation(data, {[&](std::int64_t u) { return naive.scores(u); },
                                       [&](std::int64_t u, bool at_test) {
                                         return test::full_candidates(data, u, at_test);
                                       }});
}

TEST(Evaluate, EveryBackboneAndFusionLikeTheNaiveForm) {
  for (const auto& backbone : backbones())
    for (const auto& fusion : fusions()) {
      SCOPED_TRACE(cat(backbone.name, " + ", fusion.name));
      const auto config = config_of(backbone.name, fusion.name);
      test::expect_equal(evaluate_on(Comm::world(), config, {}), naive_of(config), 1e-9);
    }
}

// Soft labels are no part of a score; the prior alone is one.
TEST(Evaluate, TheGroupPriorAloneAndTheModelWithoutIt) {
  auto config = config_of("fcf", "group-prior");
  const auto alone = Comm::self(), world = Comm::world();
  const auto data = test::make_data(clients, items, trained, alone);
  auto f = test::make_federation(config, data);
  const auto shared_data = test::make_data(clients, items, trained, world);
  const auto shared = test::make_federation(config, shared_data);
  const auto got = evaluate_prior(shared.global, shared.state, shared_data, {}, world);
  for (auto& view : f.global.views) std::ranges::fill(view.values, 0.0f);
  std::ranges::fill(f.state.theta.values, 0.0f);
  const Naive naive{f, data};
  test::expect_equal(got,
                     test::naive_evaluation(data, {[&](std::int64_t u) { return naive.scores(u); },
                                                   [&](std::int64_t u, bool at_test) {
                                                     return test::full_candidates(data, u, at_test);
                                                   }}),
                     1e-9);
  config.prior.use = PriorUse::soft_labels;
  test::expect_equal(evaluate_on(world, config, {}), naive_of(config), 1e-9);
}

TEST(Evaluate, EveryHeadSharedOrPrivateLikeTheNaiveForm) {
  for (const auto head : all_heads())
    for (const auto* backbone : {"fedavg", "fcf", "pfedrec", "fedrap"})
      for (const auto sharing : {HeadSharing::backbone, HeadSharing::never}) {
        SCOPED_TRACE(cat(backbone, " ", head, " shared: ", sharing));
        auto config = config_of(backbone, "none");
        config.model.head = head;
        config.model.head_sharing = sharing;
        // resolve() refuses it: personal rows are d wide
        if (find_backbone(backbone).personal_rows && head_layout(head, 8).item_width > 8) continue;
        test::expect_equal(evaluate_on(Comm::world(), config, {}), naive_of(config), 1e-9);
      }
}

// The seed leaves no two scores so close that rounding swaps them around a held-out item.
TEST(Evaluate, EveryBackboneAndFusionOnADevice) {
  for (const auto& device : test::fresh_devices())
    for (const auto& backbone : backbones())
      for (const auto& fusion : fusions()) {
        SCOPED_TRACE(cat(backbone.name, " + ", fusion.name, " on ", device->info().name));
        const auto config = config_of(backbone.name, fusion.name);
        test::expect_equal(evaluate_on(Comm::world(), config, {}, device), naive_of(config), 1e-9);
        const EvaluationProtocol sampled{3, 11, 20, true};
        test::expect_equal(evaluate_on(Comm::world(), config, sampled, device),
                           evaluate_on(Comm::world(), config, sampled), 1e-9);
        EXPECT_EQ(device->held_bytes(), 0) << "an evaluation keeps nothing";
      }
}

TEST(Evaluate, EveryHeadSharedOrPrivateOnADevice) {
  const auto device = gpu::open_emulated_device();
  for (const auto head : all_heads())
    for (const auto sharing : {HeadSharing::backbone, HeadSharing::never}) {
      SCOPED_TRACE(cat(head, " shared: ", sharing));
      auto config = config_of("fedavg", "none");
      config.model.head = head;
      config.model.head_sharing = sharing;
      const auto before = device->high_water_bytes();
      test::expect_equal(evaluate_on(Comm::world(), config, {}, device), naive_of(config), 1e-9);
      const auto spec = resolve(config);
      const bool served = rank::serves(spec.head, spec.views, spec.view_width, spec.shares_head);
      if (local_train::trains_on_device(head)) {
        EXPECT_EQ(served, !spec.head.hidden_part || sharing == HeadSharing::backbone);
      }
      EXPECT_EQ(device->high_water_bytes() > before, served)
          << "what is not served ranks on the host, the rest here";
    }
}

TEST(Evaluate, SameBitsOnADeviceForAnyRanksAndOrderOfThreads) {
  for (const auto* fusion : {"none", "mlp+gfmfr", "fedvlr"})
    for (const EvaluationProtocol protocol :
         {EvaluationProtocol{}, EvaluationProtocol{3, 11, 0, false},
          EvaluationProtocol{3, 0, 20, true}}) {
      const auto config = config_of("fedrap", fusion);
      const auto want = evaluate_on(Comm::self(), config, protocol, gpu::open_emulated_device());
      test::expect_equal(evaluate_on(Comm::world(), config, protocol, gpu::open_emulated_device(2)),
                         want, 0.0);
      simt::set_schedule({simt::Order::shuffled, 5, 1});
      test::expect_equal(evaluate_on(Comm::world(), config, protocol, gpu::open_emulated_device()),
                         want, 0.0);
      simt::set_schedule({});
    }
}

void expect_same_bits(const Evaluation& a, const Evaluation& b) { test::expect_equal(a, b, 0.0); }

TEST(Evaluate, SameBitsForAnyRanksAndThreads) {
  const int before = omp_get_max_threads();
  for (const auto* fusion : {"none", "mlp+gfmfr", "fedvlr"})
    for (const EvaluationProtocol protocol :
         {EvaluationProtocol{}, EvaluationProtocol{3, 11, 0, false},
          EvaluationProtocol{3, 0, 20, true}}) {
      const auto config = config_of("fedrap", fusion);
      omp_set_num_threads(1);
      const auto want = evaluate_on(Comm::self(), config, protocol);
      for (const int threads : {1, 2}) {
        omp_set_num_threads(threads);
        expect_same_bits(evaluate_on(Comm::world(), config, protocol), want);
      }
    }
  omp_set_num_threads(before);
}

TEST(RouterWeights, LikeTheNaiveForm) {
  const auto data = test::make_data(clients, items, trained, Comm::self());
  const auto f = test::make_federation(config_of("fcf", "fedvlr"), data);
  const Naive naive{f, data};
  for (std::int64_t u = 0; u < clients; ++u) {
    std::vector<float> omega(3);
    router_weights(f.spec.router, f.state.router.row(u), f.global.views, data.positives(u), omega);
    for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(omega[j], naive.omega(u)[j], 1e-6);
  }
}

// More positives than one tile holds, and none at all.
TEST(RouterWeights, ManyPositivesAndNone) {
  auto data = test::make_data(1, 200, 200, Comm::self());
  const auto f = test::make_federation(config_of("fcf", "fedvlr"), data);
  data.train.clear();
  for (std::int32_t i = 0; i < 150; ++i) data.train.push_back(i);
  data.offsets = {0, 150};
  const Naive naive{f, data};
  std::vector<float> omega(3);
  router_weights(f.spec.router, f.state.router.row(0), f.global.views, data.positives(0), omega);
  for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(omega[j], naive.omega(0)[j], 1e-6);
  router_weights(f.spec.router, f.state.router.row(0), f.global.views, {}, omega);
  EXPECT_EQ(omega, std::vector<float>(3, 1.0f / 3));
}

}  // namespace
}  // namespace fedfuse
