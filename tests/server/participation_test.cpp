// server/participation: who takes part, against a list of all clients that is sorted, on any number
// of ranks; the clock and what it wastes.
#include "server/participation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "clients/sampler.hpp"
#include "core/error.hpp"
#include "core/rng.hpp"
#include "tests/server/round_setting.hpp"
#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

constexpr double bytes = 1e5;
constexpr std::int64_t clients = 40;

Config slow_config() {
  auto config = test::small_config("fcf", "none");
  config.federation.fraction = 0.3;
  auto& o = config.participation;
  o.devices = ClientDevices::lognormal;
  o.sample_seconds = 0.1;
  o.bandwidth = 1e5;
  return config;
}

// The ids of all ranks' clients.
std::set<std::int32_t> ids_of(const std::vector<std::int32_t>& local, const Dataset& data,
                              const Comm& comm) {
  std::vector<std::int32_t> mine;
  for (const auto u : local) mine.push_back(data.client_ids[std::size_t(u)]);
  const auto all = comm.all_gather(std::span<const std::int32_t>(mine));
  return {all.begin(), all.end()};
}

// The same choice, written down for all clients at once.
struct Naive {
  const Config& config;
  const Dataset& data;  // of all clients
  std::int64_t now = 0;
  std::int64_t available = 0, dropped = 0, late = 0, took = 0, all = 0, wasted = 0;
  std::set<std::int32_t> invited{}, counted{};

  [[nodiscard]] std::int64_t turn(std::int32_t u) const {
    const auto& f = config.federation;
    const auto samples = std::int64_t(data.positives(u).size()) * (1 + f.negatives_per_positive);
    return microseconds_of(SimulatedDevices(config).of(u), double(samples * f.local_epochs), bytes);
  }
  void round(std::int64_t r) {
    const auto& o = config.participation;
    const auto wanted = participants_of_round(config.federation, clients);
    const Rng keys(config.federation.seed, Purpose::participants),
        drops(config.federation.seed, Purpose::dropout);
    std::vector<std::pair<std::uint64_t, std::int32_t>> order;
    for (std::int32_t u = 0; u < clients; ++u)
      if (o.availability == Availability::all || is_up_today(config, u, r, now))
        order.emplace_back(keys.bits(std::uint64_t(u), std::uint32_t(r), 0), u);
    available = std::int64_t(order.size());
    std::ranges::sort(order);
    order.resize(std::min(order.size(), std::size_t(std::lround(o.over_select * double(wanted)))));
    invited.clear();
    std::vector<std::pair<std::int64_t, std::int32_t>> arrivals;
    dropped = all = 0;
    for (const auto& [key, u] : order) {
      invited.insert(u);
      all += turn(u);
      if (drops.uniform(std::uint64_t(u), std::uint32_t(r), 0) < o.dropout)
        ++dropped;
      else if (o.deadline == 0 || double(turn(u)) <= 1e6 * o.deadline)
        arrivals.emplace_back(turn(u), u);
    }
    std::ranges::sort(arrivals);
    arrivals.resize(std::min(arrivals.size(), std::size_t(wanted)));
    counted.clear();
    wasted = all;
    took = 0;
    for (const auto& [seconds, u] : arrivals) {
      counted.insert(u);
      wasted -= seconds;
      took = seconds;
    }
    late = std::int64_t(invited.size()) - dropped - std::int64_t(counted.size());
    const bool waits = std::int64_t(counted.size()) < std::min(wanted, std::int64_t(order.size()));
    if (waits && o.deadline > 0) took = std::llround(1e6 * o.deadline);
    now += took;
  }
};

void expect_as_written_down(const Config& config) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto alone = small.alone(), shared = small.together(world);
  Participation who(config, resolve(config), shared, bytes, world);
  Naive naive{config, alone};
  for (std::int64_t round = 1; round <= 25; ++round) {
    const auto s = who.select(round, world);
    naive.round(round);
    ASSERT_EQ(ids_of(s.local, shared, world), naive.counted) << "round " << round;
    EXPECT_TRUE(std::ranges::is_sorted(s.local));
    EXPECT_EQ(s.available, naive.available);
    EXPECT_EQ(s.invited, std::int64_t(naive.invited.size()));
    EXPECT_EQ(s.delivered, std::int64_t(naive.counted.size()));
    EXPECT_EQ(s.dropped, naive.dropped);
    EXPECT_EQ(s.late, naive.late);
    EXPECT_EQ(s.of_devices, naive.all);
    EXPECT_EQ(s.wasted, naive.wasted);
    EXPECT_FALSE(s.stands);
    who.pass(s);
    ASSERT_EQ(who.now(), naive.now);
  }
}

TEST(Participation, IsAsWrittenDownForEveryOption) {
  auto config = slow_config();
  expect_as_written_down(config);
  config.participation.over_select = 1.5;
  expect_as_written_down(config);
  config.participation.deadline = 12;
  expect_as_written_down(config);
  config.participation.dropout = 0.3;
  expect_as_written_down(config);
  config.participation.availability = Availability::diurnal;
  expect_as_written_down(config);
}

TEST(Participation, OfAClockAloneIsTheSampling) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  for (const auto sampling : {Sampling::fixed, Sampling::poisson})
    for (const double fraction : {0.3, 1.0}) {
      auto config = slow_config();
      config.federation.sampling = sampling;
      config.federation.fraction = fraction;
      const Participation who(config, resolve(config), data, bytes, world);
      for (std::int64_t round = 1; round <= 9; ++round) {
        const auto s = who.select(round, world);
        EXPECT_EQ(s.local, sample_participants(config, data, round));
        EXPECT_EQ(s.wasted, 0);
        EXPECT_FALSE(s.stands);
      }
    }
}

// Equal devices: a turn is the samples times the seconds of one, and the bytes over the bandwidth.
TEST(Participation, EqualDevicesHaveAClosedForm) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto alone = small.alone(), data = small.together(world);
  auto config = slow_config();
  config.participation.devices = ClientDevices::equal;
  config.federation.fraction = 1;
  const Participation who(config, resolve(config), data, bytes, world);
  std::size_t most = 0;
  for (std::int64_t u = 0; u < clients; ++u) most = std::max(most, alone.positives(u).size());
  const auto& f = config.federation;
  EXPECT_EQ(who.select(1, world).took,
            std::llround(1e6 * (double(most) * double(1 + f.negatives_per_positive) *
                                    double(f.local_epochs) * 0.1 +
                                bytes / 1e5)));
}

TEST(Participation, TooFewLetTheRoundStandAndTimePass) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  auto config = slow_config();
  config.participation.deadline = 0.5;  // the bytes alone take a second
  config.participation.devices = ClientDevices::equal;
  Participation who(config, resolve(config), data, bytes, world);
  const auto s = who.select(1, world);
  EXPECT_TRUE(s.stands && s.local.empty());
  EXPECT_EQ(s.invited, 12);
  EXPECT_EQ(s.late, 12);
  EXPECT_EQ(s.took, 500'000);
  EXPECT_EQ(s.wasted, s.of_devices);
  who.pass(s);
  EXPECT_EQ(who.now(), 500'000);

  // GFMFR cannot cluster fewer clients than groups: with 12 wanted and half lost, some rounds stand
  config = slow_config();
  config.model.fusion = "gfmfr";
  config.gfmfr.groups = 7;
  config.participation.dropout = 0.5;
  const Participation grouped(config, resolve(config), data, bytes, world);
  int standing = 0;
  for (std::int64_t round = 1; round <= 30; ++round) {
    const auto r = grouped.select(round, world);
    EXPECT_EQ(r.stands, r.delivered < 7);
    EXPECT_GT(r.took, 0);
    if (r.stands) {
      EXPECT_EQ(r.wasted, r.of_devices);
    }
    standing += r.stands;
  }
  EXPECT_GT(standing, 5);
  EXPECT_LT(standing, 29);
}

TEST(Participation, DropoutHasItsFrequency) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  auto config = slow_config();
  config.federation.fraction = 1;
  config.participation.dropout = 0.2;
  const Participation who(config, resolve(config), data, bytes, world);
  constexpr int rounds = 200;
  double dropped = 0;
  for (std::int64_t round = 1; round <= rounds; ++round)
    dropped += double(who.select(round, world).dropped);
  EXPECT_NEAR(dropped / (rounds * clients), 0.2, 5 * std::sqrt(0.16 / (rounds * clients)));
}

// A trace: only its clients, and the server waits for the first of them.
TEST(Participation, ATraceDecidesWhoAndWhen) {
  const auto world = Comm::world();
  const test::SmallData small;
  const auto data = small.together(world);
  const auto path =
      (std::filesystem::temp_directory_path() / cat("fedfuse_trace_", getpid(), ".csv")).string();
  world.on_root([&] { std::ofstream(path) << "client,start,end\n3,100,101\n7,0,1\n9,100,300\n"; });
  auto config = slow_config();
  config.participation.availability = Availability::trace;
  config.participation.trace = path;
  std::string of_root = path;
  world.broadcast(of_root);
  config.participation.trace = of_root;
  Participation who(config, resolve(config), data, bytes, world);
  const auto at = [&](std::int64_t round) {
    const auto s = who.select(round, world);
    const auto ids = ids_of(s.local, data, world);
    who.pass(s);
    return ids;
  };
  EXPECT_EQ(at(1), (std::set<std::int32_t>{7}));
  EXPECT_GT(who.now(), 1'000'000);  // a turn takes more than a second
  EXPECT_EQ(at(2), (std::set<std::int32_t>{3, 9}));
  EXPECT_GT(who.now(), 101'000'000);
  world.barrier();
  world.on_root([&] { std::filesystem::remove(path); });
}

TEST(Participation, ATurnBeyondTheClockIsRefused) {
  const test::SmallData small;
  const auto data = small.alone();
  auto config = slow_config();
  config.participation.sample_seconds = 1e5;
  EXPECT_THROW(Participation(config, resolve(config), data, bytes, Comm::self()), InputError);
}

}  // namespace
}  // namespace fedfuse
