#pragma once
// When clients can be invited (models.md, section 13), on the clock of simulated microseconds.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.hpp"

namespace fedfuse {

// base + amplitude cos(2 pi (t / day - phase)). phase: in days, of the client.
[[nodiscard]] double diurnal_probability(const ParticipationOptions& options, double seconds,
                                         double phase);
// Of --availability diurnal: drawn for (seed, round, client). id: of the whole data set.
[[nodiscard]] bool is_up_today(const Config& config, std::int64_t id, std::int64_t round,
                               std::int64_t now);

// When the clients of this rank are available. The trace repeats after its latest end.
class AvailabilityTrace {
 public:
  AvailabilityTrace() = default;
  // A CSV file with the header client,start,end: a client from 0 to clients - 1, and seconds of an
  // interval [start, end). Intervals of a client may overlap, and stand in any order. path: for
  // messages. client_ids: ascending. InputError that names the line.
  AvailabilityTrace(std::string_view text, const std::string& path, std::int64_t clients,
                    std::span<const std::int32_t> client_ids);
  [[nodiscard]] bool has(std::size_t local, std::int64_t now) const;
  // How long until the first client of this rank is available: 0 if one is; none: never.
  [[nodiscard]] std::optional<std::int64_t> wait(std::int64_t now) const;
  [[nodiscard]] std::int64_t period() const { return period_; }

 private:
  struct Interval {
    std::int64_t start, end;
  };
  struct Line {
    std::size_t local;
    Interval interval;
  };
  void keep(std::vector<Line>& lines, std::size_t clients);
  [[nodiscard]] std::span<const Interval> of(std::size_t local) const;
  std::int64_t period_ = 0;
  std::vector<std::size_t> offsets_;  // local clients + 1
  std::vector<Interval> intervals_;   // of a client: ascending, without overlaps
};

}  // namespace fedfuse
