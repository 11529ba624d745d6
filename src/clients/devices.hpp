#pragma once
// The simulated devices of clients (models.md, section 13): pure functions of (seed, client), the
// same in all rounds.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"

namespace fedfuse {

struct DeviceClass {
  std::string name;
  double share = 0;           // of the clients
  double sample_seconds = 0;  // of one sample in one epoch
  double bandwidth = 0;       // bytes/s; 0: transfers take no time
};

// A CSV file with the header class,share,sample_seconds,bandwidth, whose shares have the sum 1.
// path: for messages. InputError that names the line.
[[nodiscard]] std::vector<DeviceClass> parse_device_classes(std::string_view text,
                                                            const std::string& path);

struct SimulatedDevice {
  double sample_seconds = 0, bandwidth = 0;  // as of a class
  std::int32_t kind = 0;                     // place in SimulatedDevices::kinds()
};

// Whole microseconds, so that sums and orders are exact: computation and transfer, at most 10^18.
[[nodiscard]] std::int64_t microseconds_of(const SimulatedDevice& device, double samples,
                                           double bytes);

class SimulatedDevices {
 public:
  // classes: with --client-devices classes, else empty.
  explicit SimulatedDevices(const Config& config, std::vector<DeviceClass> classes = {});
  [[nodiscard]] SimulatedDevice of(std::int64_t id) const;  // id: of the whole data set
  // The classes; with lognormal, the quarters of speed; of equal devices, none.
  [[nodiscard]] const std::vector<std::string>& kinds() const { return kinds_; }

 private:
  std::uint64_t seed_;
  ParticipationOptions options_;
  std::vector<DeviceClass> classes_;
  std::vector<std::string> kinds_;
};

}  // namespace fedfuse
