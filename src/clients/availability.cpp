#include "clients/availability.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/number.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"
#include "data/csv_lines.hpp"

namespace fedfuse {
namespace {

using Fields = std::vector<std::string_view>;

std::int64_t client_in(const CsvLines& lines, std::string_view text, std::int64_t clients) {
  double value = -1;
  if (!read_number(value, text) || value != std::floor(value) || value < 0 ||
      value >= double(clients))
    lines.fail(cat("client is \"", text, "\", and the data set has clients 0 to ", clients - 1),
               "correct the line");
  return std::int64_t(value);
}

std::int64_t time_in(const CsvLines& lines, std::string_view text, const char* column) {
  constexpr double most = 1e9;
  double value = -1;
  if (!read_number(value, text) || !(value >= 0 && value <= most))
    lines.fail(cat(column, " is \"", text, "\", no seconds from 0 to ", most), "correct the line");
  return std::llround(1e6 * value);
}

}  // namespace

double diurnal_probability(const ParticipationOptions& options, double seconds, double phase) {
  constexpr double day = 86400, turn = 2 * std::numbers::pi;
  return options.base + options.amplitude * std::cos(turn * (seconds / day - phase));
}

bool is_up_today(const Config& config, std::int64_t id, std::int64_t round, std::int64_t now) {
  const Rng rng(config.federation.seed, Purpose::availability);
  const auto who = std::uint64_t(id);
  const double phase = rng.uniform(who, 0, 0);  // rounds count from 1
  return rng.uniform(who, std::uint32_t(round), 0) <
         diurnal_probability(config.participation, 1e-6 * double(now), phase);
}

AvailabilityTrace::AvailabilityTrace(std::string_view text, const std::string& path,
                                     std::int64_t clients,
                                     std::span<const std::int32_t> client_ids) {
  CsvLines lines(text, path);
  Fields fields;
  constexpr std::array<std::string_view, 3> header{"client", "start", "end"};
  if (!lines.next(fields) || !std::ranges::equal(fields, header))
    lines.fail("its header is not client,start,end", "start it with that line");
  std::vector<Line> kept;
  while (lines.next(fields)) {
    if (fields.size() != header.size())
      lines.fail(cat("it has ", fields.size(), " fields, not 3"), "correct the line");
    const auto client = client_in(lines, fields[0], clients);
    const Interval interval{time_in(lines, fields[1], "start"), time_in(lines, fields[2], "end")};
    if (interval.start >= interval.end)
      lines.fail("it does not end after its start", "correct the line");
    period_ = std::max(period_, interval.end);
    const auto place = std::ranges::lower_bound(client_ids, client);
    if (place != client_ids.end() && *place == client)
      kept.push_back({std::size_t(place - client_ids.begin()), interval});
  }
  if (period_ == 0) lines.fail("no line follows its header", "give each client its intervals");
  keep(kept, client_ids.size());
}

void AvailabilityTrace::keep(std::vector<Line>& lines, std::size_t clients) {
  std::ranges::sort(lines, {}, [](const Line& l) { return std::pair(l.local, l.interval.start); });
  offsets_.assign(clients + 1, 0);
  std::size_t next = 0;
  for (std::size_t local = 0; local < clients; ++local) {
    for (; next < lines.size() && lines[next].local == local; ++next) {
      const auto& interval = lines[next].interval;
      const bool joins =
          intervals_.size() > offsets_[local] && interval.start <= intervals_.back().end;
      if (joins)
        intervals_.back().end = std::max(intervals_.back().end, interval.end);
      else
        intervals_.push_back(interval);
    }
    offsets_[local + 1] = intervals_.size();
  }
}

std::span<const AvailabilityTrace::Interval> AvailabilityTrace::of(std::size_t local) const {
  return std::span(intervals_).subspan(offsets_[local], offsets_[local + 1] - offsets_[local]);
}

bool AvailabilityTrace::has(std::size_t local, std::int64_t now) const {
  const auto all = of(local);
  const auto after = std::ranges::upper_bound(all, now % period_, {}, &Interval::start);
  return after != all.begin() && now % period_ < std::prev(after)->end;
}

std::optional<std::int64_t> AvailabilityTrace::wait(std::int64_t now) const {
  std::optional<std::int64_t> least;
  for (std::size_t local = 0; local + 1 < offsets_.size(); ++local) {
    const auto all = of(local);
    if (all.empty()) continue;
    if (has(local, now)) return 0;
    const auto next = std::ranges::upper_bound(all, now % period_, {}, &Interval::start);
    const auto start = next != all.end() ? next->start : all.front().start + period_;
    const auto pause = start - now % period_;
    least = std::min(least.value_or(pause), pause);
  }
  return least;
}

}  // namespace fedfuse
