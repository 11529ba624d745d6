// clients/availability: the day's probability, and traces against a naive list of intervals.
#include "clients/availability.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t second = 1'000'000, day = 86400 * second;

TEST(Availability, TheProbabilityFollowsTheDay) {
  ParticipationOptions o;
  o.base = 0.6;
  o.amplitude = 0.3;
  for (const double phase : {0.0, 0.25, 0.9}) {
    EXPECT_DOUBLE_EQ(diurnal_probability(o, 86400 * phase, phase), 0.9);
    EXPECT_NEAR(diurnal_probability(o, 86400 * (phase + 0.5), phase), 0.3, 1e-12);
    EXPECT_NEAR(diurnal_probability(o, 86400 * (phase + 7.25), phase), 0.6, 1e-9);
  }
}

// Over many clients of one time the phases average out; one client of many rounds follows its own.
TEST(Availability, FrequenciesAreTheProbabilities) {
  Config config;
  config.federation.seed = 4;
  config.participation.base = 0.5;
  config.participation.amplitude = 0.4;
  constexpr int many = 40000;
  double up = 0;
  for (int u = 0; u < many; ++u) up += is_up_today(config, u, 3, 5 * day / 7);
  EXPECT_NEAR(up / many, 0.5, 5 * 0.5 / std::sqrt(double(many)));

  for (const std::int64_t client : {0, 9}) {
    std::array<double, 4> of_quarter{};
    constexpr int rounds = 10000;
    for (int round = 1; round <= 4 * rounds; ++round)
      of_quarter[std::size_t(round % 4)] +=
          is_up_today(config, client, round, (round % 4) * day / 4) ? 1.0 / rounds : 0;
    // quarters of a day: base + amplitude times cos, -sin, -cos, sin of one phase
    const double c = (of_quarter[0] - of_quarter[2]) / 2, s = (of_quarter[1] - of_quarter[3]) / 2;
    EXPECT_NEAR(std::hypot(c, s), 0.4, 0.03);
    EXPECT_NEAR((of_quarter[0] + of_quarter[2]) / 2, 0.5, 0.02);
  }
  config.participation.base = 1;
  config.participation.amplitude = 0;
  EXPECT_TRUE(is_up_today(config, 1, 1, 0));
}

struct Naive {
  struct Row {
    std::int64_t client, start, end;
  };
  std::vector<Row> rows;
  std::int64_t period = 0;
  [[nodiscard]] bool has(std::int64_t client, std::int64_t now) const {
    for (const auto& r : rows)
      if (r.client == client && r.start <= now % period && now % period < r.end) return true;
    return false;
  }
};

// Intervals that overlap, touch and stand in any order, of clients of which the rank has some.
TEST(Availability, ATraceIsItsListOfIntervals) {
  const Rng rng(3, Purpose::test);
  constexpr std::int64_t clients = 30;
  Naive naive;
  std::string text = "client,start,end\n";
  for (std::uint64_t row = 0; row < 90; ++row) {
    const auto w = rng.words(row, 0, 0);
    const std::int64_t client = Rng::below(w[0], clients - 2), start = Rng::below(w[1], 200),
                       end = start + 1 + Rng::below(w[2], 20);
    naive.rows.push_back({client, start * second, end * second});
    naive.period = std::max(naive.period, end * second);
    text += cat(client, ",", start, ",", end, "\n");
  }
  const std::vector<std::int32_t> mine{1, 4, 5, 11, 17, 28, 29};
  const AvailabilityTrace trace(text, "trace.csv", clients, mine);
  EXPECT_EQ(trace.period(), naive.period);
  const auto somebody = [&](std::int64_t now) {
    return std::ranges::any_of(mine, [&](auto id) { return naive.has(id, now); });
  };
  for (std::int64_t now = 0; now < 3 * naive.period; now += second / 2) {
    for (std::size_t u = 0; u < mine.size(); ++u)
      ASSERT_EQ(trace.has(u, now), naive.has(mine[u], now)) << mine[u] << " at " << now;
    auto later = now;  // everything begins and ends at whole seconds
    while (!somebody(later)) later = (later / second + 1) * second;
    ASSERT_EQ(trace.wait(now), later - now) << now;
  }
  const AvailabilityTrace of_others(text, "trace.csv", clients, std::vector<std::int32_t>{28, 29});
  EXPECT_FALSE(of_others.wait(0).has_value());
  EXPECT_EQ(of_others.period(), naive.period);
}

TEST(Availability, BadTracesAreRefusedByLine) {
  const std::vector<std::int32_t> mine{0};
  const auto refusal = [&](const std::string& text) -> std::string {
    try {
      const AvailabilityTrace trace(text, "trace.csv", 10, mine);
    } catch (const InputError& e) {
      return e.what();
    }
    return "";
  };
  const std::string header = "client,start,end\n";
  EXPECT_EQ(refusal(header + "9,0,1\n"), "");
  for (const auto& [text, says] : {std::pair{header + "0,0,1\n10,0,1\n", "line 3"},
                                   {header + "1.5,0,1\n", "client is \"1.5\""},
                                   {header + "0,0,1\n\n0,2,2\n", "line 4"},
                                   {header + "0,-1,2\n", "start is \"-1\""},
                                   {header + "0,1,2e9\n", "end is \"2e9\""},
                                   {header + "0,1\n", "2 fields"},
                                   {header + "0,1,x\n", "line 2"},
                                   {header, "no line follows"},
                                   {std::string("client,begin,end\n0,0,1\n"), "line 1"},
                                   {std::string(), "header"}}) {
    const auto said = refusal(text);
    EXPECT_NE(said.find(says), std::string::npos) << says << " is not in: " << said;
    EXPECT_NE(said.find("trace.csv"), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace fedfuse
