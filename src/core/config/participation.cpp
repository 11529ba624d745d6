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
                      : is_buffered(o)                    ? cat("--async ", o.async)
                                                          : cat("--dropout ", o.dropout);
  throw InputError(cat(option, " without --client-devices"),
                   "there is no simulated time without devices that take it",
                   "give --client-devices equal, lognormal or classes");
}

// What of a round has no meaning where uploads make a step.
void fits_a_buffer(const ParticipationOptions& o) {
  if (!is_buffered(o)) {
    if (o.concurrency > 0)
      throw InputError(cat("--concurrency ", o.concurrency, " without --async"),
                       "in a round as many clients train as it invites", "give --async K too");
    return;
  }
  const auto refuse = [&](bool holds, const std::string& other, const char* why, const char* what) {
    if (holds) throw InputError(cat("--async ", o.async, " with ", other), why, what);
  };
  refuse(o.availability != Availability::all, cat("--availability ", o.availability),
         "who is available is asked at the start of a round, and clients are invited all the time",
         "use --availability all");
  refuse(o.over_select > 1, cat("--over-select ", o.over_select),
         "more clients than a step takes are in flight by --concurrency",
         "give a larger --concurrency");
  refuse(o.deadline > 0, cat("--deadline ", o.deadline),
         "a step waits for K uploads, and for no time; late ones are those of --max-staleness",
         "leave --deadline out");
  refuse(o.concurrency > 0 && o.concurrency < o.async, cat("--concurrency ", o.concurrency),
         "a step waits for more uploads than there are clients in flight",
         "give a larger --concurrency or a smaller --async");
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
  within("async", o.async, 0, most_counted);
  within("concurrency", o.concurrency, 0, most_counted);
  within("max-staleness", o.max_staleness, 0, most_counted);
  needs_a_clock(o);
  fits_a_buffer(o);
}

}  // namespace fedfuse
