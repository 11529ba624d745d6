#pragma once
// The options of simulated devices, of who can take part when, and of who comes in time, and their
// choices (models.md, section 13). DeviceOptions (device.hpp) are of the machine that computes.
#include <cstdint>
#include <string>

#include "core/choice.hpp"

namespace fedfuse {

// The devices that clients have on the simulated clock. none: there is no clock. equal: all alike.
// lognormal: speed and bandwidth of each drawn once. classes: those of a file.
enum class ClientDevices { none, equal, lognormal, classes };
template <>
inline constexpr auto choice_names<ClientDevices> = std::array{
    Named{ClientDevices::none, "none"}, Named{ClientDevices::equal, "equal"},
    Named{ClientDevices::lognormal, "lognormal"}, Named{ClientDevices::classes, "classes"}};

// Which clients the server can invite. diurnal: each with a probability that follows the time of
// day. trace: those of a file.
enum class Availability { all, diurnal, trace };
template <>
inline constexpr auto choice_names<Availability> =
    std::array{Named{Availability::all, "all"}, Named{Availability::diurnal, "diurnal"},
               Named{Availability::trace, "trace"}};

struct ParticipationOptions {
  ClientDevices devices = ClientDevices::none;
  std::string classes;            // CSV class,share,sample_seconds,bandwidth
  double sample_seconds = 0.005;  // of one sample in one epoch; lognormal: the median
  double bandwidth = 0.0;         // bytes/s; lognormal: the median; 0: transfers take no time
  double sigma = 0.6;             // lognormal: standard deviation of the logarithms of both
  Availability availability = Availability::all;
  double base = 0.5, amplitude = 0.4;  // of diurnal
  std::string trace;                   // CSV client,start,end
  double over_select = 1.0;            // o: invited clients over those that count
  double deadline = 0.0;               // tau: simulated seconds of a round; 0: none
  double dropout = 0.0;                // share of turns that are never delivered
  std::int64_t async = 0;              // K: uploads that make a server step; 0: rounds
  std::int64_t concurrency = 0;        // Q: clients in flight; 0: as many as a round has
  std::int64_t max_staleness = 20;     // steps after which an upload is of no use
  bool operator==(const ParticipationOptions&) const = default;
};
void validate(const ParticipationOptions& options);  // InputError

// A clock of simulated seconds runs.
[[nodiscard]] inline bool simulates_time(const ParticipationOptions& options) {
  return options.devices != ClientDevices::none;
}
// Who takes part depends on that clock, or on chance beside the sampling.
[[nodiscard]] inline bool changes_participants(const ParticipationOptions& options) {
  return options.availability != Availability::all || options.over_select > 1 ||
         options.deadline > 0 || options.dropout > 0 || options.async > 0;
}
// The server steps when K uploads have come, whenever their clients began.
[[nodiscard]] inline bool is_buffered(const ParticipationOptions& options) {
  return options.async > 0;
}

}  // namespace fedfuse
