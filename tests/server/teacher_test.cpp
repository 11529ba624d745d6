// GFMFR's server fusion against the golden values, the naive form and itself under other ranks and
// threads.
#include <gtest/gtest.h>
#include <omp.h>

#include <numeric>

#include "core/error.hpp"
#include "server/server_diverged.hpp"
#include "tests/server/naive_server.hpp"
#include "tests/server/planted_teacher.hpp"
#include "tests/server/server_data.hpp"
#include "tests/server/teacher_net.hpp"
#include "tests/support/oracle.hpp"

namespace fedfuse {
namespace {

using namespace test;
using Complex = std::complex<double>;
using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;

std::vector<teacher::Pair> to_step(const Pairs& pairs) {
  std::vector<teacher::Pair> all;
  for (const auto& [l, i] : pairs) all.push_back({std::int32_t(l), std::int32_t(i)});
  return all;
}

std::vector<Matrix<float>> to_targets(const Values& C, std::size_t groups, std::size_t items) {
  std::vector<Matrix<float>> targets;
  const auto n = std::ptrdiff_t(C.size() / groups);
  for (std::ptrdiff_t l = 0; l < std::ptrdiff_t(groups); ++l)
    targets.push_back(matrix_of(items, Values(C.begin() + l * n, C.begin() + (l + 1) * n)));
  return targets;
}

struct Golden {
  h5::File file = h5::File::open(goldens_path());
  std::string group, optimizer;
  NaiveItems items;
  NaiveParameters parameters;
  Values C;
  std::vector<Pairs> steps;
  double lr = 0;
  std::size_t groups = 0, group_dim = 0;

  explicit Golden(const std::string& name)
      : group("group_fusion_" + name), optimizer(name), items(read_items(file, group + "/in")) {
    parameters =
        read_group(file, group + "/in",
                   {"E_t", "E_v", "mask_t", "mask_v", "C", "w_bar", "b_bar", "step_pairs"});
    C = in("C");
    lr = file.number(group, "lr");
    groups = std::size_t(file.shape(group + "/in/e").at(0));
    group_dim = std::size_t(file.shape(group + "/in/e").at(1));
    const auto flat = in("step_pairs");
    const auto shape = file.shape(group + "/in/step_pairs");
    for (std::size_t at = 0; at < flat.size(); at += 2) {
      if (at % std::size_t(2 * shape[1]) == 0) steps.emplace_back();
      steps.back().emplace_back(std::size_t(flat[at]), std::size_t(flat[at + 1]));
    }
  }
  Values in(const std::string& name) { return read_flat(file, group + "/in/" + name); }
  Values out(const std::string& name) { return read_flat(file, group + "/out/" + name); }
};

TEST(Teacher, NaiveFormMatchesGoldens) {
  FEDFUSE_REQUIRE_GOLDENS();
  for (const std::string name : {"sgd", "adam"}) {
    Golden golden(name);
    auto p = golden.parameters;
    NaiveOptimizer optimizer{name == "adam", golden.lr};
    Values losses;
    for (const auto& pairs : golden.steps) {
      Naive<double> net(p, golden.items);
      losses.push_back(naive_teacher_loss(net, pairs, golden.C, golden.groups));
      optimizer.step(p, complex_step(p, golden.items, [&](Naive<Complex>& x) {
                       return naive_teacher_loss(x, pairs, golden.C, golden.groups);
                     }));
    }
    expect_near(losses, golden.out("loss"), 1e-10, "loss");
    for (const auto& [key, values] : p)
      expect_near(values, golden.out(key), 1e-10, name + " " + key);

    Naive<double> net(p, golden.items);
    const auto w = golden.in("w_bar"), b = golden.in("b_bar");
    Values Q, pref;
    for (std::size_t l = 0; l < golden.groups; ++l)
      for (std::size_t i = 0; i < golden.items.items; ++i) {
        const auto q = net.fused(l, i, golden.groups);
        Q.insert(Q.end(), q.begin(), q.end());
        pref.push_back(sigmoid(std::inner_product(q.begin(), q.end(),
                                                  w.begin() + std::ptrdiff_t(l * q.size()), b[l])));
      }
    expect_near(Q, golden.out("Q"), 1e-10, "Q");
    expect_near(pref, golden.out("pref"), 1e-10, "pref");
  }
}

TEST(Teacher, MatchesGoldens) {
  FEDFUSE_REQUIRE_GOLDENS();
  for (const std::string name : {"sgd", "adam"}) {
    Golden golden(name);
    const auto data = dataset_of(golden.items);
    const auto M = golden.items.items;
    const auto targets = to_targets(golden.C, golden.groups, M);
    const auto G = std::int64_t(golden.groups), d = std::int64_t(golden.items.d);
    TestNet net(data, G, d, std::int64_t(golden.group_dim),
                parse_choice<OptimizerKind>("optimizer", name), golden.lr, targets);
    assign(net.named(), golden.parameters);
    Values losses;
    for (const auto& pairs : golden.steps) losses.push_back(net.net.step(to_step(pairs)));
    expect_near(losses, golden.out("loss"), 1e-4, "loss");
    auto p = net.named();
    for (const auto& [key, values] : golden.parameters)
      expect_near(p.at(key), golden.out(key), 1e-4, name + " " + key);

    Pairs every;
    for (std::size_t l = 0; l < golden.groups; ++l)
      for (std::size_t i = 0; i < M; ++i) every.emplace_back(l, i);
    net.net.forward(to_step(every));
    expect_near(net.net.fused(), golden.out("Q"), 1e-4, "Q");

    Config config;
    config.model.fusion = "gfmfr";
    config.model.dim = d;
    config.gfmfr.group_dim = std::int64_t(golden.group_dim);
    config.gfmfr.groups = G;
    GroupTeacher teacher(config, resolve(config), data);
    for (auto& [key, values] : teacher.parameters())
      if (p.contains(key) && p[key].size() == values.size())
        std::ranges::copy(p[key], values.begin());
    const auto w = matrix_of(golden.groups, golden.in("w_bar"));
    const auto b = golden.in("b_bar");
    const auto pref = teacher.preference(w, std::vector<float>(b.begin(), b.end()), Comm::world());
    expect_near(pref.values, golden.out("pref"), 1e-4, "pref");
    const auto& e = teacher.group_embeddings();
    EXPECT_TRUE(std::ranges::equal(e.values, p.at("e")));  // not those of the start
  }
}

// Random pairs, some twice, groups that do not occur, missing and absent modalities: every gradient
// by the complex step.
TEST(Teacher, SharedHalvesHaveTheGradientOfTheNaiveForm) {
  struct Shape {
    std::size_t G, M, d, group, text, image;
  };
  for (const auto& [G, M, d, d_group, d_text, d_image] :
       {Shape{3, 14, 8, 10, 12, 9}, Shape{5, 6, 4, 3, 0, 8}, Shape{1, 5, 8, 4, 6, 0},
        Shape{4, 7, 4, 2, 0, 0}}) {
    const auto items = random_items(M, d, d_text, d_image);
    const auto data = dataset_of(items);
    const auto C = random_values(G * M * d, 0.5, 70);
    const auto targets = to_targets(C, G, M);
    TestNet net(data, std::int64_t(G), std::int64_t(d), std::int64_t(d_group), OptimizerKind::sgd,
                1.0, targets);
    NaiveParameters p;
    for (const auto& [name, values] : net.named()) {
      p[name] = random_values(values.size(), 0.5, std::uint32_t(50 + p.size()));
      std::ranges::copy(p[name], values.begin());
    }
    for (const auto* empty : {"A_t", "A_v"})
      p[empty].resize(d * (empty[2] == 't' ? d_text : d_image));
    const Rng rng(5, Purpose::test);
    RngStream words(rng, G, 0);
    for (const std::size_t batch : {1, 13}) {
      Pairs pairs;
      while (pairs.size() < batch)
        pairs.emplace_back(words.below(std::uint32_t(std::max<std::size_t>(1, G - 1))),
                           words.below(std::uint32_t(M)));
      const auto f = [&](Naive<Complex>& x) { return naive_teacher_loss(x, pairs, C, G); };
      const auto expected = complex_step(p, items, f);
      const double loss = net.net.backward(to_step(pairs));
      Naive<double> plain(p, items);
      EXPECT_NEAR(loss, naive_teacher_loss(plain, pairs, C, G), 1e-5 * loss);
      for (const auto& entry : net.parameters.entries())
        expect_near(net.net.gradient().subspan(entry.at, entry.size()), expected.at(entry.name),
                    1e-4, entry.name);
    }
  }
}

// R9: batches of whole items against the paper's batches of pairs, the same number of pairs a step.
TEST(Teacher, BatchesOfItemsConvergeAsThoseOfPairs) {
  Planted planted(300);
  std::map<TeacherBatches, std::vector<double>> loss;
  for (const auto batches : {TeacherBatches::items, TeacherBatches::pairs}) {
    planted.config.gfmfr.teacher.batches = batches;
    GroupTeacher teacher(planted.config, resolve(planted.config), planted.data);
    for (int round = 1; round <= 4; ++round)
      loss[batches].push_back(teacher.train(planted.targets, round, Comm::world()));
    // warm starts
    for (std::size_t round = 1; round < 4; ++round)
      EXPECT_LT(loss[batches][round], loss[batches][round - 1]) << batches;
    EXPECT_LT(loss[batches][3], 0.4 * loss[batches][0]);
  }
  for (std::size_t round = 0; round < 4; ++round)
    EXPECT_NEAR(std::log(loss[TeacherBatches::items][round] / loss[TeacherBatches::pairs][round]),
                0.0, std::log(1.6))
        << round;
}

TEST(Teacher, RanksAndThreadsDoNotChangeABit) {
  const int threads = omp_get_max_threads();
  for (const std::size_t M : {700, 40}) {
    Planted planted(M);
    planted.config.gfmfr.teacher.epochs = 2;
    const auto alone = trained(planted, Comm::self(), 1);
    EXPECT_EQ(trained(planted, Comm::self(), 2), alone);
    EXPECT_EQ(trained(planted, Comm::world(), 1), alone);
    EXPECT_EQ(trained(planted, Comm::world(), 2), alone);
  }
  omp_set_num_threads(threads);
}

// The order of a round's batches comes from (seed, round, epoch); every (group, item) pair is
// visited once an epoch.
TEST(Teacher, AnEpochVisitsEveryPairOnceInAnOrderOfItsOwn) {
  Planted planted(50);
  planted.config.gfmfr.teacher.epochs = 1;
  planted.config.gfmfr.teacher.optimizer = OptimizerKind::sgd;
  // nothing moves: the mean loss of an epoch is the mean over all pairs, in any order
  planted.config.gfmfr.teacher.lr = 0;
  std::vector<double> loss;
  for (const auto batches : {TeacherBatches::items, TeacherBatches::pairs}) {
    planted.config.gfmfr.teacher.batches = batches;
    GroupTeacher teacher(planted.config, resolve(planted.config), planted.data);
    for (int round = 1; round <= 2; ++round)
      loss.push_back(teacher.train(planted.targets, round, Comm::world()));
  }
  for (const double l : loss) EXPECT_NEAR(l, loss[0], 1e-5 * loss[0]);
  planted.config.gfmfr.teacher.lr = 0.1;
  const auto run = [&](std::int64_t round, std::uint64_t seed) {
    planted.config.federation.seed = seed;
    GroupTeacher teacher(planted.config, resolve(planted.config), planted.data);
    return teacher.train(planted.targets, round, Comm::world());
  };
  EXPECT_NE(run(1, 0), run(2, 0));
  EXPECT_NE(run(1, 0), run(1, 1));
  EXPECT_EQ(run(1, 0), run(1, 0));
}

// What parameters() shows is the whole state: a run that goes on elsewhere keeps its bits.
TEST(Teacher, GoesOnFromItsParameters) {
  Planted planted(40);
  GroupTeacher first(planted.config, resolve(planted.config), planted.data);
  first.train(planted.targets, 1, Comm::world());
  GroupTeacher second(planted.config, resolve(planted.config), planted.data);
  for (auto& [name, values] : second.parameters())
    std::ranges::copy(first.parameters().at(name), values.begin());
  EXPECT_EQ(first.train(planted.targets, 2, Comm::world()),
            second.train(planted.targets, 2, Comm::world()));
  EXPECT_EQ(first.group_embeddings(), second.group_embeddings());
}

TEST(Teacher, StopsWhenItsLossIsNotFinite) {
  Planted planted(30);
  planted.targets[1](3, 2) = std::numeric_limits<float>::infinity();
  GroupTeacher teacher(planted.config, resolve(planted.config), planted.data);
  const auto before = teacher.group_embeddings();
  EXPECT_THROW(teacher.train(planted.targets, 1, Comm::world()), ServerDiverged);
  EXPECT_EQ(teacher.group_embeddings(), before);
}

TEST(Teacher, FewerGroupsThanItHasRoomFor) {
  Planted planted(30, 5);  // an adaptive number of groups: 5 embeddings, 2 used
  planted.targets.resize(2);
  GroupTeacher teacher(planted.config, resolve(planted.config), planted.data);
  EXPECT_EQ(teacher.group_embeddings().rows, 5);
  EXPECT_TRUE(std::isfinite(teacher.train(planted.targets, 1, Comm::world())));
  const auto pref =
      teacher.preference(Matrix<float>(2, 16, 0.1f), std::vector<float>(2, 0.0f), Comm::world());
  EXPECT_EQ(pref.rows, 2);
  EXPECT_EQ(pref.cols, 30);
}

}  // namespace
}  // namespace fedfuse
