// clients/devices: the files of classes, and the devices that clients have.
#include "clients/devices.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/error.hpp"

namespace fedfuse {
namespace {

constexpr const char* header = "class,share,sample_seconds,bandwidth\n";
constexpr std::int64_t clients = 40000;

Config config_of(ClientDevices devices) {
  Config config;
  config.federation.seed = 5;
  config.participation.devices = devices;
  config.participation.sample_seconds = 0.01;
  config.participation.bandwidth = 1e6;
  config.participation.sigma = 0.5;
  return config;
}

std::string refusal(const std::string& rows) {
  try {
    (void)parse_device_classes(header + rows, "classes.csv");
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(Devices, EqualOnesAreAlike) {
  const SimulatedDevices devices(config_of(ClientDevices::equal));
  for (std::int64_t u = 0; u < 100; ++u) {
    EXPECT_EQ(devices.of(u).sample_seconds, 0.01);
    EXPECT_EQ(devices.of(u).bandwidth, 1e6);
  }
  EXPECT_TRUE(devices.kinds().empty());
}

// Quantiles of exp(sigma g) at four places, for speed and bandwidth, which do not go together.
TEST(Devices, LogNormalOnesHaveItsQuantiles) {
  const SimulatedDevices devices(config_of(ClientDevices::lognormal));
  std::vector<double> seconds, bandwidth;
  double together = 0;
  for (std::int64_t u = 0; u < clients; ++u) {
    const auto device = devices.of(u);
    seconds.push_back(std::log(device.sample_seconds / 0.01) / 0.5);
    bandwidth.push_back(std::log(device.bandwidth / 1e6) / 0.5);
    together += seconds.back() * bandwidth.back() / double(clients);
  }
  for (auto* sample : {&seconds, &bandwidth}) {
    std::ranges::sort(*sample);
    for (const auto& [share, normal] :
         {std::pair{0.05, -1.6449}, {0.25, -0.6745}, {0.5, 0.0}, {0.8, 0.8416}, {0.975, 1.9600}})
      EXPECT_NEAR((*sample)[std::size_t(share * double(clients))], normal, 0.04) << share;
  }
  EXPECT_NEAR(together, 0, 5 / std::sqrt(double(clients)));
}

TEST(Devices, QuartersOfSpeedAreEquallyLargeAndInOrder) {
  const SimulatedDevices devices(config_of(ClientDevices::lognormal));
  ASSERT_EQ(devices.kinds().size(), 4u);
  std::array<double, 4> share{}, least{1e9, 1e9, 1e9, 1e9}, most{};
  for (std::int64_t u = 0; u < clients; ++u) {
    const auto device = devices.of(u);
    const auto k = std::size_t(device.kind);
    share[k] += 1.0 / double(clients);
    least[k] = std::min(least[k], device.sample_seconds);
    most[k] = std::max(most[k], device.sample_seconds);
  }
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(share[k], 0.25, 0.012) << k;
  for (std::size_t k = 0; k + 1 < 4; ++k) EXPECT_LE(most[k], least[k + 1]) << k;
}

TEST(Devices, ClassesComeInTheirShares) {
  const auto classes = parse_device_classes(
      std::string(header) + "phone,0.7,0.02,1e5\n\"old, slow\",0.25,0.5,1e4\nhub,0.05,0.001,0\n",
      "classes.csv");
  ASSERT_EQ(classes.size(), 3u);
  const SimulatedDevices devices(config_of(ClientDevices::classes), classes);
  EXPECT_EQ(devices.kinds(), (std::vector<std::string>{"phone", "old, slow", "hub"}));
  std::array<double, 3> share{};
  for (std::int64_t u = 0; u < clients; ++u) {
    const auto device = devices.of(u);
    const auto& expected = classes[std::size_t(device.kind)];
    ASSERT_EQ(device.sample_seconds, expected.sample_seconds);
    ASSERT_EQ(device.bandwidth, expected.bandwidth);
    share[std::size_t(device.kind)] += 1.0 / double(clients);
  }
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(share[k], classes[k].share, 0.012) << k;
  EXPECT_EQ(devices.of(77).kind, devices.of(77).kind);
  auto other = config_of(ClientDevices::classes);
  other.federation.seed = 6;
  const SimulatedDevices drawn_anew(other, classes);
  std::int64_t moved = 0;
  for (std::int64_t u = 0; u < 1000; ++u) moved += devices.of(u).kind != drawn_anew.of(u).kind;
  EXPECT_GT(moved, 200);
}

TEST(Devices, ATurnIsItsSamplesAndItsBytes) {
  EXPECT_EQ(microseconds_of({.sample_seconds = 0.01, .bandwidth = 1e6}, 300, 5e5), 3'500'000);
  EXPECT_EQ(microseconds_of({.sample_seconds = 0.01, .bandwidth = 0}, 300, 5e5), 3'000'000);
  EXPECT_EQ(microseconds_of({.sample_seconds = 1e6, .bandwidth = 1}, 1e30, 1),
            1'000'000'000'000'000'000);
}

TEST(Devices, BadFilesAreRefusedByLine) {
  EXPECT_EQ(refusal("a,1,0.1,0\n"), "");
  for (const auto& [rows, says] : {std::pair{"a,1,0.1\n", "line 2"},
                                   {"a,0.5,0.1,0\nb,x,0.1,0\n", "line 3"},
                                   {"a,0.5,0.1,0\n\nb,2,0.1,0\n", "line 4"},
                                   {"a,1,0,0\n", "sample_seconds is \"0\""},
                                   {"a,1,0.1,-1\n", "bandwidth is \"-1\""},
                                   {"a,1,0.1,0.5\n", "at least 1 byte"},
                                   {"a,0.5,1,0\na,0.5,1,0\n", "stands there twice"},
                                   {",1,1,0\n", "no name"},
                                   {"a,0.5,1,0\n", "the sum 0.5"},
                                   {"", "the sum 0"},
                                   {"a,1,nan,0\n", "line 2"}}) {
    const auto said = refusal(rows);
    EXPECT_NE(said.find(says), std::string::npos) << says << " is not in: " << said;
    EXPECT_NE(said.find("classes.csv"), std::string::npos) << said;
  }
  EXPECT_THROW((void)parse_device_classes("name,share\n", "x"), InputError);
  EXPECT_THROW((void)parse_device_classes("", "x"), InputError);
}

}  // namespace
}  // namespace fedfuse
