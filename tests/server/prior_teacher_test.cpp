// The teacher of the group prior: golden values, the same bits for ranks and threads, warm starts,
// groups that are not taught, and what it refuses.
#include "server/prior_teacher.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "server/server_diverged.hpp"
#include "tests/server/prior_setting.hpp"
#include "tests/support/oracle.hpp"
#include "tests/support/threads.hpp"

namespace fedfuse {
namespace {

using namespace test;

struct Golden {
  NaiveParameters in, out;
  Config config;
  Dataset data;
  Matrix<float> sums;
  std::vector<double> mass;

  explicit Golden(const std::string& name) {
    const h5::File file = h5::File::open(goldens_path());
    in = read_group(file, name + "/in");
    out = read_group(file, name + "/out");
    const auto M = in["mask_t"].size(), G = in["b"].size();
    NaiveItems items{M, 8, in["E_t"], in["E_v"], in["mask_t"], in["mask_v"]};
    data = dataset_of(items);
    sums = matrix_of(M, in["S"]);
    mass = in["mass"];
    config.prior.groups = std::int64_t(G);
    config.prior.hidden = std::int64_t(in["v"].size());
    config.prior.projection = file.integer(name, "projection");
    config.prior.steps = file.integer(name, "steps");
    config.prior.lr = file.number(name, "lr");
    config.prior.decay = file.number(name, "decay");
    config.prior.least_mass = file.number(name, "least_mass");
    config.federation.negatives_per_positive = file.integer(name, "negatives");
  }
};

TEST(PriorTeacher, MatchesGoldens) {
  FEDFUSE_REQUIRE_GOLDENS();
  for (const std::string name : {"group_prior", "group_prior_wide", "group_prior_whole"}) {
    SCOPED_TRACE(name);
    Golden golden(name);
    PriorTeacher teacher(golden.config, golden.data);
    expect_near(teacher.features().values, golden.out["Z"], 1e-5, "Z");
    auto p = teacher.parameters();
    for (const auto* parameter : {"U", "A", "v", "V", "b"})
      std::ranges::transform(golden.in[parameter], p.at(parameter).begin(),
                             [](double x) { return float(x); });
    const double loss = teacher.train(golden.sums, golden.mass, Comm::world());
    EXPECT_NEAR(loss, golden.out["loss"].back(), 1e-5 * loss);
    for (const auto* parameter : {"U", "A", "v", "V", "b"})
      expect_near(p.at(parameter), golden.out[parameter], 2e-4, parameter);
    expect_near(teacher.logits(Comm::world()).values, golden.out["L"], 2e-4, "L");
  }
}

std::vector<float> trained(const PriorSetting& s, const Comm& comm, int threads) {
  const Threads scope(threads);
  PriorTeacher teacher(s.config, s.data);
  std::vector<float> bits;
  for (int k = 0; k < 2; ++k) bits.push_back(float(teacher.train(s.sums, s.mass, comm)));
  const auto after = bits_of(teacher, comm);
  bits.insert(bits.end(), after.begin(), after.end());
  return bits;
}

TEST(PriorTeacher, RanksAndThreadsDoNotChangeABit) {
  for (const std::size_t M : {700, 40}) {  // three blocks, the last ragged; one block for all ranks
    const PriorSetting setting(M, 16);
    const auto alone = trained(setting, Comm::self(), 1);
    EXPECT_EQ(trained(setting, Comm::self(), 2), alone);
    EXPECT_EQ(trained(setting, Comm::world(), 1), alone);
    EXPECT_EQ(trained(setting, Comm::world(), 3), alone);
  }
}

TEST(PriorTeacher, LearnsWhichGroupLikesWhat) {
  PriorSetting s(400);
  s.config.prior.steps = 40;
  PriorTeacher teacher(s.config, s.data);
  const double first = teacher.train(s.sums, s.mass, Comm::world());
  const double second = teacher.train(s.sums, s.mass, Comm::world());  // a warm start
  EXPECT_LT(second, first);
  EXPECT_EQ(teacher.parameters().at("steps")[0], 80.0f);
  const auto L = teacher.logits(Comm::world());
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < 400; ++i)
    right += std::int64_t(std::max_element(L.row(i), L.row(i) + 4) - L.row(i) == i % 4);
  EXPECT_GT(right, 320);
}

// What parameters() shows is the whole state: a run that goes on elsewhere keeps its bits.
TEST(PriorTeacher, GoesOnFromItsParameters) {
  const PriorSetting s(60);
  auto other = s.config;
  other.federation.seed = 9;
  PriorTeacher first(s.config, s.data), second(other, s.data);
  EXPECT_NE(bits_of(first, Comm::world()), bits_of(second, Comm::world()));
  first.train(s.sums, s.mass, Comm::world());
  for (auto& [name, values] : second.parameters())
    std::ranges::copy(first.parameters().at(name), values.begin());
  EXPECT_EQ(first.train(s.sums, s.mass, Comm::world()),
            second.train(s.sums, s.mass, Comm::world()));
  EXPECT_EQ(bits_of(first, Comm::world()), bits_of(second, Comm::world()));
}

TEST(PriorTeacher, StartsFromTheSeed) {
  PriorSetting s(30);
  s.config.prior.hidden = 256;
  PriorTeacher a(s.config, s.data), b(s.config, s.data);
  EXPECT_EQ(bits_of(a, Comm::world()), bits_of(b, Comm::world()));
  auto p = a.parameters();
  const auto deviation = [&](const char* name) {
    double squares = 0;
    for (const double x : p.at(name)) squares += x * x;
    return std::sqrt(squares / double(p.at(name).size()));
  };
  EXPECT_NEAR(deviation("U"), 1.0, 0.05);
  EXPECT_NEAR(deviation("A"), 0.5, 0.05);
  EXPECT_NEAR(deviation("v"), 1 / 16.0, 0.02);
  EXPECT_EQ(deviation("V"), 0.0);
  for (const float b_l : p.at("b")) EXPECT_EQ(b_l, -1.4f);
  s.config.federation.seed = 1;
  PriorTeacher c(s.config, s.data);
  EXPECT_NE(c.parameters().at("U")[0], p.at("U")[0]);
}

// A group below the least mass moves by decay alone; without any group nothing moves.
TEST(PriorTeacher, LightGroupsAreNotTaught) {
  PriorSetting s(60);
  s.mass[2] = s.config.prior.least_mass * 0.999;
  s.config.prior.decay = 0;
  PriorTeacher teacher(s.config, s.data);
  const auto before = teacher.parameters();
  const std::vector<float> A(before.at("A").begin(), before.at("A").end());
  teacher.train(s.sums, s.mass, Comm::world());
  const auto h = std::size_t(s.config.prior.hidden);
  for (std::size_t k = 0; k < 4 * h; ++k) {
    EXPECT_EQ(teacher.parameters().at("A")[k] == A[k], k / h == 2) << k;
    EXPECT_EQ(teacher.parameters().at("V")[k] == 0.0f, k / h == 2) << k;
  }
  EXPECT_EQ(teacher.parameters().at("b")[2], -1.4f);
  // the sums of the light group count nowhere
  auto other = s.sums;
  for (std::int64_t i = 0; i < other.rows; ++i) other(i, 2) = 100.0f;
  PriorTeacher again(s.config, s.data);
  again.train(other, s.mass, Comm::world());
  EXPECT_EQ(bits_of(again, Comm::world()), bits_of(teacher, Comm::world()));

  s.config.prior.decay = 0.5;
  PriorTeacher none(s.config, s.data);
  const auto start = bits_of(none, Comm::world());
  EXPECT_EQ(none.train(s.sums, std::vector<double>(4, 0.0), Comm::world()), 0.0);
  EXPECT_EQ(none.train(Matrix<float>(60, 4), s.mass, Comm::world()), 0.0);
  EXPECT_EQ(bits_of(none, Comm::world()), start);
}

TEST(PriorTeacher, RefusesWhatIsNotFiniteAndStaysWhatItWas) {
  PriorSetting s(300);
  PriorTeacher teacher(s.config, s.data);
  teacher.train(s.sums, s.mass, Comm::world());
  const auto before = bits_of(teacher, Comm::world());
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto sums = s.sums;
    sums(7, 1) = bad;
    EXPECT_THROW(teacher.train(sums, s.mass, Comm::world()), ServerDiverged);
    EXPECT_EQ(bits_of(teacher, Comm::world()), before);
  }
  s.config.prior.lr = 1e30;
  PriorTeacher fast(s.config, s.data);
  EXPECT_THROW(fast.train(s.sums, s.mass, Comm::world()), ServerDiverged);
  EXPECT_THROW(teacher.train(Matrix<float>(299, 4), s.mass, Comm::world()), InternalError);
}

// One rank is asked to stop before the second step: all stop, and nothing moved.
TEST(PriorTeacher, StopsOnAllRanks) {
  PriorSetting s(300);
  PriorTeacher teacher(s.config, s.data);
  const auto before = bits_of(teacher, Comm::world());
  const auto world = Comm::world();
  int asked = 0;
  const auto stop = [&] { return world.rank() == world.size() - 1 && ++asked == 2; };
  EXPECT_THROW(teacher.train(s.sums, s.mass, world, stop), Stopped);
  EXPECT_EQ(bits_of(teacher, world), before);
  teacher.remember();
  teacher.train(s.sums, s.mass, world);
  EXPECT_NE(bits_of(teacher, world), before);
  teacher.undo();
  EXPECT_EQ(bits_of(teacher, world), before);
}

TEST(PriorTeacher, SaysWhatItNeeds) {
  const PriorSetting s(300, 16);
  double bytes = 0;
  for (const auto& need : PriorTeacher::memory_needs(s.config, s.data)) bytes += need.bytes;
  // features, the covariance of 44 columns, logits and sums
  EXPECT_GT(bytes, 4 * 300 * 16 + 2 * 8 * 44 * 44 + 2 * 4 * 300 * 4);
  EXPECT_LT(bytes, 100000);
}

}  // namespace
}  // namespace fedfuse
