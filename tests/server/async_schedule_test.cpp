// server/async_schedule: every upload of many steps, against a simulation of single events that
// knows no queue, no tree and no steps.
#include "server/async_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

struct Setting {
  std::int64_t clients, places, uploads, max_staleness;
  double dropout;
  std::int64_t longest;  // turns are from 1 to so many microseconds: few give many ties
};

std::string words(const Setting& s) {
  return cat("N ", s.clients, " C ", s.places, " K ", s.uploads, " S ", s.max_staleness,
             " dropout ", s.dropout, " longest ", s.longest);
}

Config config_of(const Setting& s) {
  Config config;
  config.federation.seed = 5;
  config.participation.devices = ClientDevices::equal;
  config.participation.async = s.uploads;
  config.participation.concurrency = s.places;
  config.participation.max_staleness = s.max_staleness;
  config.participation.dropout = s.dropout;
  return config;
}

std::vector<std::int64_t> turns_of(const Setting& s) {
  const Rng rng(17, Purpose::test);
  std::vector<std::int64_t> turns;
  for (std::int64_t u = 0; u < s.clients; ++u)
    turns.push_back(1 + std::int64_t(rng.bits(std::uint64_t(u), 0, 0) % std::uint64_t(s.longest)));
  return turns;
}

// What a client does, microsecond by microsecond.
struct Naive {
  struct Client {
    std::optional<std::int64_t> until;  // it trains
    bool waits = false;                 // its upload lies in the buffer
    std::int64_t version = 0, number = 0, began = 0;
  };
  Setting setting;
  std::vector<std::int64_t> turns;
  std::vector<Client> clients;
  std::int64_t now = 0, version = 0, invitations = 0;
  std::int64_t invited = 0, dropped = 0, stale = 0, all = 0, wasted = 0, began = 0;

  explicit Naive(const Setting& s)
      : setting(s), turns(turns_of(s)), clients(std::size_t(s.clients)) {}

  [[nodiscard]] std::int64_t training() const {
    return std::ranges::count_if(clients, [](const Client& c) { return c.until.has_value(); });
  }
  void invite() {
    for (;;) {
      std::vector<std::size_t> free;
      for (std::size_t u = 0; u < clients.size(); ++u)
        if (!clients[u].until && !clients[u].waits) free.push_back(u);
      if (free.empty() || training() == setting.places) return;
      const auto word = Rng(5, Purpose::participants).words(std::uint64_t(invitations), 0, 0)[0];
      const auto u = free[std::size_t(double(word) / 4294967296.0 * double(free.size()))];
      clients[u] = {now + turns[u], false, version, invitations++, now};
      ++invited;
    }
  }
  // The K uploads of the next step, by client: its version.
  std::vector<std::pair<std::int64_t, std::int64_t>> step() {
    invited = dropped = stale = all = wasted = 0;
    began = now;
    std::set<std::size_t> buffer;
    invite();
    for (;;) {
      for (std::size_t u = 0; u < clients.size(); ++u) {
        auto& c = clients[u];
        if (c.until != now) continue;
        c.until.reset();
        all += now - c.began;
        const bool lost =
            setting.dropout > 0 &&
            Rng(5, Purpose::dropout).uniform(std::uint64_t(c.number), 0, 0) < setting.dropout;
        if (lost || c.version + setting.max_staleness < version) {
          ++(lost ? dropped : stale);
          wasted += now - c.began;
        } else {
          c.waits = true;
          buffer.insert(u);
        }
        if (std::int64_t(buffer.size()) == setting.uploads) return finish(buffer);
        invite();
      }
      ++now;
    }
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> finish(const std::set<std::size_t>& buffer) {
    std::vector<std::pair<std::int64_t, std::int64_t>> uploads;
    for (const auto u : buffer) {
      uploads.emplace_back(std::int64_t(u), clients[u].version);
      clients[u].waits = false;
    }
    ++version;
    return uploads;
  }
};

constexpr Setting settings[] = {{30, 12, 4, 3, 0, 1000},   {30, 12, 12, 0, 0, 1000},
                                {30, 12, 1, 100, 0, 9},    {30, 30, 7, 1, 0, 50},
                                {30, 30, 30, 0, 0, 1000},  {1, 1, 1, 0, 0, 5},
                                {30, 12, 4, 3, 0.3, 1000}, {33, 32, 5, 2, 0.2, 3}};

TEST(AsyncSchedule, AgreesWithASimulationOfEvents) {
  std::int64_t stale = 0, dropped = 0;
  for (const auto& setting : settings) {
    AsyncSchedule schedule(config_of(setting), turns_of(setting));
    Naive naive(setting);
    std::int64_t now = 0;
    for (std::int64_t version = 0; version < 40; ++version) {
      SCOPED_TRACE(cat(words(setting), " version ", version));
      const auto step = schedule.next(version, now);
      const auto want = naive.step();
      std::vector<std::pair<std::int64_t, std::int64_t>> got;
      for (const auto& flight : step.counted) got.emplace_back(flight.client, flight.version);
      ASSERT_EQ(got, want);
      ASSERT_EQ(step.invited, naive.invited);
      ASSERT_EQ(step.dropped, naive.dropped);
      ASSERT_EQ(step.stale, naive.stale);
      ASSERT_EQ(step.of_devices, naive.all);
      ASSERT_EQ(step.wasted, naive.wasted);
      ASSERT_EQ(step.took, naive.now - naive.began);
      ASSERT_EQ(std::int64_t(step.in_flight.size()), naive.training());
      schedule.pass(step);
      now += step.took;
      stale += step.stale;
      dropped += step.dropped;
    }
  }
  EXPECT_GT(stale, 100);
  EXPECT_GT(dropped, 100);
}

// The next step is a function of what passed: asking for it changes nothing.
TEST(AsyncSchedule, AStepThatDoesNotPassIsMadeAgain) {
  AsyncSchedule schedule(config_of(settings[0]), turns_of(settings[0]));
  schedule.pass(schedule.next(0, 0));
  const auto once = schedule.next(1, 7), again = schedule.next(1, 7);
  EXPECT_EQ(once.counted, again.counted);
  EXPECT_EQ(once.in_flight, again.in_flight);
}

// A step has models of every upload that counts, and of no other client.
TEST(AsyncSchedule, NamesTheModelsThatUploadsMayNeed) {
  const auto setting = settings[0];
  AsyncSchedule schedule(config_of(setting), turns_of(setting));
  std::int64_t now = 0;
  for (std::int64_t version = 0; version < 40; ++version) {
    const auto kept = schedule.versions_before(version);
    EXPECT_LE(std::int64_t(kept.size()), setting.max_staleness);
    const auto step = schedule.next(version, now);
    for (const auto& flight : step.counted)
      EXPECT_TRUE(flight.version == version || std::ranges::binary_search(kept, flight.version));
    now += step.took;
    schedule.pass(step);
    std::set<std::int64_t> wanted;
    for (const auto& flight : step.in_flight)
      if (version + 1 - flight.version <= setting.max_staleness) wanted.insert(flight.version);
    const auto next = schedule.versions_before(version + 1);
    EXPECT_TRUE(std::ranges::equal(wanted, next));
  }
}

}  // namespace
}  // namespace fedfuse
