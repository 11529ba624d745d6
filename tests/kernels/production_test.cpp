// What a run calls on a CPU is the first row of every table, the row that bench_kernels times.
#include "kernels/production.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <set>

#include "evaluation/evaluate.hpp"
#include "server/federation.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

// A kernel that counts its calls and passes them on.
template <auto member>
struct Counted;
template <class R, class... A, R (*Kernels::*member)(A...)>
struct Counted<member> {
  static inline std::atomic<std::int64_t> calls = 0;
  static R call(A... a) {
    ++calls;
    return (Kernels{}.*member)(std::forward<A>(a)...);
  }
};

struct Calls {
  std::int64_t draw = 0, train = 0, add = 0, nearest = 0, step = 0, teacher_epoch = 0,
               preferences = 0, views_forward = 0, views_backward = 0, prior_logits = 0,
               prior_gradient = 0, group_targets = 0, row_statistic = 0, mask = 0, ranks = 0;
};

// visit(kernel's member, count's member) of every kernel.
template <class Visit>
void every_kernel(const Visit& visit) {
  visit.template operator()<&Kernels::draw, &Calls::draw>();
  visit.template operator()<&Kernels::train, &Calls::train>();
  visit.template operator()<&Kernels::add, &Calls::add>();
  visit.template operator()<&Kernels::nearest, &Calls::nearest>();
  visit.template operator()<&Kernels::step, &Calls::step>();
  visit.template operator()<&Kernels::teacher_epoch, &Calls::teacher_epoch>();
  visit.template operator()<&Kernels::preferences, &Calls::preferences>();
  visit.template operator()<&Kernels::views_forward, &Calls::views_forward>();
  visit.template operator()<&Kernels::views_backward, &Calls::views_backward>();
  visit.template operator()<&Kernels::prior_logits, &Calls::prior_logits>();
  visit.template operator()<&Kernels::prior_gradient, &Calls::prior_gradient>();
  visit.template operator()<&Kernels::group_targets, &Calls::group_targets>();
  visit.template operator()<&Kernels::row_statistic, &Calls::row_statistic>();
  visit.template operator()<&Kernels::mask, &Calls::mask>();
  visit.template operator()<&Kernels::ranks, &Calls::ranks>();
}
constexpr std::size_t kernels_visited = 15;
static_assert(sizeof(Kernels) == kernels_visited * sizeof(void*),
              "a kernel was added: count it in Calls and every_kernel");

// The first row of a table: its function, and that every machine runs it.
template <class Function, class Variant, class F>
void expect_first(Function used, std::span<const Variant> table, F Variant::* function) {
  EXPECT_EQ(used, table.front().*function) << table.front().name;
  EXPECT_EQ(table.front().runs, gpu::Runs::everywhere) << table.front().name;
}

TEST(Production, EveryKernelIsTheFirstRowOfItsTable) {
  const Kernels k;
  expect_first(k.draw, sample::variants(), &sample::Variant::run);
  expect_first(k.train, local_train::variants(), &local_train::Variant::run);
  expect_first(k.add, aggregate::variants(), &aggregate::Variant::add);
  expect_first(k.nearest, kmeans::nearest_variants(), &kmeans::NearestVariant::run);
  expect_first(k.step, kmeans::step_variants(), &kmeans::StepVariant::run);
  expect_first(k.teacher_epoch, teacher::variants(), &teacher::Variant::run);
  expect_first(k.preferences, preference::variants(), &preference::Variant::run);
  expect_first(k.views_forward, views::variants(), &views::Variant::forward);
  expect_first(k.views_backward, views::variants(), &views::Variant::backward);
  expect_first(k.prior_logits, group_prior::variants(), &group_prior::Variant::logits);
  expect_first(k.prior_gradient, group_prior::variants(), &group_prior::Variant::gradient);
  expect_first(k.group_targets, group_targets::variants(), &group_targets::Variant::run);
  expect_first(k.row_statistic, row_median::variants(), &row_median::Variant::run);
  expect_first(k.ranks, rank::variants(), &rank::Variant::run);
  // instructions that not every machine has, and the same bits
  const auto first = std::ranges::find_if(mask::variants(), [](auto& v) { return v.runs_here(); });
  EXPECT_EQ(k.mask, first->run);
}

// dense: no kernel, what others share. gather: of a device only.
TEST(Production, EveryFolderOfAKernelIsAmongThem) {
  std::set<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(FEDFUSE_SOURCE_DIR "/kernels"))
    if (entry.is_directory()) folders.insert(entry.path().filename().string());
  folders.erase("dense");
  folders.erase("gather");
  EXPECT_EQ(folders, (std::set<std::string>{"aggregate", "group_prior", "group_targets", "kmeans",
                                            "local_train", "mask", "preference", "rank",
                                            "row_median", "sample", "teacher", "views"}));
}

// What two rounds and an evaluation leave.
struct Left {
  GlobalModel global;
  Matrix<float> preferences;
  std::vector<std::int32_t> groups;
  std::vector<rank::Ranks> ranks;
  bool operator==(const Left&) const = default;
};
constexpr int rounds = 2;

Left run(const Config& config, const Dataset& data, const Kernels& kernels) {
  const auto self = Comm::self();
  Federation federation(config, data, self, 2, kernels);
  for (int r = 1; r <= rounds; ++r) EXPECT_LT(federation.run_round(r).failed_client, 0);
  const auto ranks = evaluate_ranks(
      federation.spec(), federation.global(), federation.state(), data,
      evaluation_protocol(config.evaluation, config.federation.seed), self, nullptr, kernels);
  return {federation.global(), federation.preferences(), federation.groups(), ranks.of_client};
}

// The calls of a run; counting them changes no bit.
Calls calls_of(const Config& config, const Dataset& data) {
  Kernels counted;
  every_kernel([&]<auto kernel, auto> {
    counted.*kernel = Counted<kernel>::call;
    Counted<kernel>::calls = 0;
  });
  EXPECT_TRUE(run(config, data, counted) == run(config, data, {}));
  Calls calls;
  every_kernel([&]<auto kernel, auto count> { calls.*count = Counted<kernel>::calls; });
  return calls;
}

Config config_of(const std::string& backbone, const std::string& fusion) {
  auto config = test::small_config(backbone, fusion);
  config.federation.fraction = 1.0;
  config.execution.uploads = UploadMode::store;
  return config;
}

TEST(Production, GfmfrCallsThem) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fcf", "gfmfr");
  config.gfmfr.landmarks = 16;  // the others go to the nearest centre
  const auto clients = data.local_clients();
  for (const auto cluster : {ClusterMethod::kmeans, ClusterMethod::spectral}) {
    config.gfmfr.cluster = cluster;
    const auto calls = calls_of(config, data);
    EXPECT_EQ(calls.draw, rounds * clients);
    EXPECT_EQ(calls.train, rounds * clients);
    EXPECT_EQ(calls.add, rounds * 2 * clients);  // the round's table and the group's
    EXPECT_EQ(calls.nearest, rounds);
    EXPECT_GE(calls.step, rounds);
    EXPECT_EQ(calls.teacher_epoch, rounds * config.gfmfr.teacher.epochs);
    EXPECT_EQ(calls.preferences, rounds);
    EXPECT_EQ(calls.group_targets, rounds * config.gfmfr.groups);
    EXPECT_EQ(calls.views_forward + calls.views_backward, 0);
    EXPECT_EQ(calls.prior_logits + calls.prior_gradient, 0);
    EXPECT_EQ(calls.ranks, 1);
  }
}

TEST(Production, ADefenceCallsItsStatistic) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fcf", "fedvlr");
  config.attack.defence = Defence::row_median;
  EXPECT_EQ(calls_of(config, data).row_statistic, rounds * 3);  // a table a view
  config.attack.defence = Defence::none;
  EXPECT_EQ(calls_of(config, data).row_statistic, 0);
}

TEST(Production, ASecureSumCallsItsMask) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = config_of("fcf", "none");
  config.secure.sum = SecureSumKind::check;
  config.secure.degree = 4;
  EXPECT_EQ(calls_of(config, data).mask, rounds * 2 * data.local_clients());  // and off again
}

TEST(Production, FedvlrCallsThem) {
  const test::SmallData small;
  const auto data = small.alone();
  for (const std::string backbone : {"fcf", "fedncf"}) {
    const auto calls = calls_of(config_of(backbone, "fedvlr"), data);
    const auto clients = data.local_clients();
    EXPECT_EQ(calls.draw, rounds * clients);
    EXPECT_EQ(calls.train, rounds * clients);
    EXPECT_EQ(calls.add, rounds * 3 * clients);  // a table a view
    EXPECT_EQ(calls.views_forward, rounds + 1);  // the first views, too
    EXPECT_EQ(calls.views_backward, rounds);
    EXPECT_EQ(calls.nearest + calls.step + calls.teacher_epoch + calls.preferences, 0);
    EXPECT_EQ(calls.ranks, 1);
  }
}

}  // namespace
}  // namespace fedfuse
