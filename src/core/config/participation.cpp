#include "core/config/participation.hpp"

#include <algorithm>
#include <cmath>

#include "core/config/check.hpp"

namespace fedfuse {
namespace {

// An option that names a file, and the choice that reads it, go together.
void with_its_file(const char* choice, bool chosen, const char* option, const std::string& file) {
  if (chosen && file.empty())
    throw InputError(cat(choice, " without ", option), "it reads a file", cat("give ", option));
  if (!chosen && !file.empty())
    throw InputError(cat(option, " ", file), cat("nothing but ", choice, " reads it"),
                     cat("give ", choice, " too"));
}

void needs_a_clock(const ParticipationOptions& o) {
  if (simulates_time(o) || !changes_participants(o)) return;
  const auto option = o.availability != Availability::all ? cat("--availability ", o.availability)
                      : o.over_select > 1                 ? cat("--over-select ", o.over_select)
                      : o.deadline > 0                    ? cat("--deadline ", o.deadline)
                                                          : cat("--dropout ", o.dropout);
  throw InputError(cat(option, " without --client-devices"),
                   "there is no simulated time without devices that take it",
                   "give --client-devices equal, lognormal or classes");
}

}  // namespace

void validate(const ParticipationOptions& o) {
  with_its_file("--client-devices classes", o.devices == ClientDevices::classes, "--device-classes",
                o.classes);
  with_its_file("--availability trace", o.availability == Availability::trace,
                "--availability-trace", o.trace);
  require(std::isfinite(o.sample_seconds) && o.sample_seconds > 0 && o.sample_seconds <= 1e6,
          "sample-seconds", o.sample_seconds, "the seconds of a sample are in (0, 1e6]",
          "0.005 is the default");
  require(o.bandwidth == 0 || (std::isfinite(o.bandwidth) && o.bandwidth >= 1), "bandwidth",
          o.bandwidth, "bytes a second are at least 1", "0 lets transfers take no time");
  require(std::isfinite(o.sigma) && o.sigma >= 0 && o.sigma <= 5, "device-sigma", o.sigma,
          "a standard deviation of logarithms is in [0, 5] here", "0.6 is the default");
  require(std::isfinite(o.base) && o.base > 0 && o.base <= 1, "availability-base", o.base,
          "a probability is in (0, 1]", "0.5 is the default");
  require(
      std::isfinite(o.amplitude) && o.amplitude >= 0 && o.amplitude <= std::min(o.base, 1 - o.base),
      "availability-amplitude", o.amplitude,
      cat("around --availability-base ", o.base, " a probability would leave [0, 1]").c_str(),
      "give a smaller amplitude, at least 0");
  require(std::isfinite(o.over_select) && o.over_select >= 1 && o.over_select <= 1000,
          "over-select", o.over_select, "invited over wanted clients are in [1, 1000]",
          "1 invites as many as count");
  require(o.deadline == 0 || (std::isfinite(o.deadline) && o.deadline >= 1e-3 && o.deadline <= 1e6),
          "deadline", o.deadline, "simulated seconds are in [0.001, 1e6]", "0 sets no deadline");
  require(std::isfinite(o.dropout) && o.dropout >= 0 && o.dropout < 1, "dropout", o.dropout,
          "a share of turns is in [0, 1)", "0 loses none");
  needs_a_clock(o);
}

}  // namespace fedfuse
