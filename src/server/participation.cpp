#include "server/participation.hpp"

#include <algorithm>
#include <cmath>

#include "clients/sampler.hpp"
#include "core/error.hpp"
#include "core/input_file.hpp"
#include "core/rng.hpp"
#include "core/sha256.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

// The root's, for all; "" where no file is named.
std::string text_of_file(const std::string& path, const Comm& comm) {
  std::string text;
  if (path.empty()) return text;
  comm.on_root([&] { text = InputFile(path).read(); });
  comm.broadcast(text);
  return text;
}

std::vector<DeviceClass> classes_of(const Config& config, const std::string& text) {
  const auto& path = config.participation.classes;
  return path.empty() ? std::vector<DeviceClass>() : parse_device_classes(text, path);
}

AvailabilityTrace trace_of(const Config& config, const Dataset& data, const std::string& text) {
  const auto& path = config.participation.trace;
  if (path.empty()) return {};
  return {text, path, data.clients, data.client_ids};
}

// What came is of no use.
void stand(Selection& s) {
  s.local.clear();
  s.wasted = s.of_devices;
  std::ranges::fill(s.of_kind, 0);
}

// After so long the server asks again when nobody was up.
constexpr std::int64_t idle = 60'000'000;
constexpr std::int64_t longest_turn = 1'000'000'000'000;
// of --deadline
std::int64_t in_microseconds(double seconds) { return std::llround(1e6 * seconds); }

}  // namespace

Participation::Participation(const Config& config, const ModelSpec& spec, const Dataset& data,
                             double bytes, const Comm& comm)
    : config_(config),
      data_(data),
      devices_(config),
      wanted_(participants_of_round(config.federation, data.clients)),
      least_(std::max<std::int64_t>(1, spec.most_groups)),
      deadline_(in_microseconds(config.participation.deadline)) {
  const auto classes = text_of_file(config.participation.classes, comm),
             trace = text_of_file(config.participation.trace, comm);
  if (!classes.empty() || !trace.empty())
    files_ = sha256_hex(cat(classes.size(), " ", classes, trace));
  comm.together([&] {
    devices_ = SimulatedDevices(config, classes_of(config, classes));
    trace_ = trace_of(config, data, trace);
    measure(bytes);
  });
  deliveries_.resize(kinds().size());
  if (is_buffered(config.participation)) schedule_.emplace(config, turns_of_all(comm));
}

// Turns are the same in every round: a client draws as many samples.
void Participation::measure(double bytes) {
  const auto& f = config_.federation;
  for (std::int64_t u = 0; u < data_.local_clients(); ++u) {
    const auto id = data_.client_ids[std::size_t(u)];
    const auto device = devices_.of(id);
    const double samples = double(data_.positives(u).size()) *
                           (1.0 + double(f.negatives_per_positive)) * double(f.local_epochs);
    turn_.push_back(microseconds_of(device, samples, bytes));
    kind_.push_back(device.kind);
    if (turn_.back() > longest_turn)
      throw InputError(cat("client ", id, " would take ", 1e-6 * double(turn_.back()),
                           " simulated seconds in a round"),
                       "the clock takes turns of at most 10^6 s",
                       "lower --sample-seconds or --device-sigma, or give a larger --bandwidth");
  }
}

// By id.
std::vector<std::int64_t> Participation::turns_of_all(const Comm& comm) const {
  const auto ids = comm.all_gather(std::span<const std::int32_t>(data_.client_ids));
  const auto turns = comm.all_gather(std::span<const std::int64_t>(turn_));
  std::vector<std::int64_t> all(ids.size());
  for (std::size_t k = 0; k < ids.size(); ++k) all[std::size_t(ids[k])] = turns[k];
  return all;
}

std::vector<std::int32_t> Participation::up_at(std::int64_t round, std::int64_t now) const {
  std::vector<std::int32_t> up;
  const auto kind = config_.participation.availability;
  for (std::size_t u = 0; u < data_.client_ids.size(); ++u)
    if (kind == Availability::all ||
        (kind == Availability::trace ? trace_.has(u, now)
                                     : is_up_today(config_, data_.client_ids[u], round, now)))
      up.push_back(std::int32_t(u));
  return up;
}

// By the keys of the sampler: without over-selection and with everybody up, its participants.
std::vector<std::int32_t> Participation::invite(const std::vector<std::int32_t>& up,
                                                std::int64_t round, std::int64_t up_of_all,
                                                const Comm& comm) const {
  const auto places = std::llround(config_.participation.over_select * double(wanted_));
  if (up_of_all <= places) return up;
  const Rng rng(config_.federation.seed, Purpose::participants);
  std::vector<Place> keys;
  keys.reserve(up.size());
  for (const auto u : up) keys.push_back({rng.bits(id_of(u), std::uint32_t(round), 0), id_of(u)});
  const auto last = kth_of_all(keys, places, comm);
  std::vector<std::int32_t> invited;
  for (std::size_t k = 0; k < up.size(); ++k)
    if (keys[k] <= last) invited.push_back(up[k]);
  return invited;
}

std::vector<std::int32_t> Participation::first_of(const std::vector<std::int32_t>& invited,
                                                  std::int64_t round, Selection& selection,
                                                  const Comm& comm) const {
  const Rng rng(config_.federation.seed, Purpose::dropout);
  const double lost = config_.participation.dropout;
  std::vector<std::int32_t> arrived;
  std::vector<Place> places;
  std::int64_t dropped = 0;
  for (const auto u : invited) {
    const auto turn = turn_[std::size_t(u)];
    if (lost > 0 && rng.uniform(id_of(u), std::uint32_t(round), 0) < lost) {
      ++dropped;
    } else if (deadline_ == 0 || turn <= deadline_) {
      arrived.push_back(u);
      places.push_back({std::uint64_t(turn), id_of(u)});
    }
  }
  selection.dropped = comm.sum(dropped);
  selection.delivered = comm.sum(std::int64_t(arrived.size()));
  if (selection.delivered <= wanted_) return arrived;
  const auto last = kth_of_all(places, wanted_, comm);
  std::vector<std::int32_t> first;
  for (std::size_t k = 0; k < arrived.size(); ++k)
    if (places[k] <= last) first.push_back(arrived[k]);
  selection.delivered = wanted_;
  return first;
}

// The server waits for as many as it wants, or for all that it invited, or until the deadline.
void Participation::take_time(const std::vector<std::int32_t>& invited, std::int64_t waited,
                              Selection& s, const Comm& comm) const {
  std::int64_t slowest = 0, slowest_invited = 0, all = 0, of_counted = 0;
  for (const auto u : invited) {
    all += turn_[std::size_t(u)];
    slowest_invited = std::max(slowest_invited, turn_[std::size_t(u)]);
  }
  for (const auto u : s.local) {
    of_counted += turn_[std::size_t(u)];
    slowest = std::max(slowest, turn_[std::size_t(u)]);
  }
  s.of_devices = comm.sum(all);
  s.wasted = s.of_devices - comm.sum(of_counted);
  s.of_kind = by_kind(s.local, comm);
  slowest = comm.max(slowest);
  slowest_invited = comm.max(slowest_invited);
  const bool all_came = s.delivered > 0 && s.delivered == std::min(s.invited, wanted_);
  s.took = waited;
  if (all_came || (deadline_ == 0 && s.delivered > 0))
    s.took += slowest;
  else
    s.took += deadline_ > 0 ? deadline_ : s.invited > 0 ? slowest_invited : idle;
}

// How many of these clients, on all ranks, have a device of each kind.
std::vector<std::int64_t> Participation::by_kind(const std::vector<std::int32_t>& local,
                                                 const Comm& comm) const {
  std::vector<std::int64_t> count(kinds().size());
  if (count.empty()) return count;
  for (const auto u : local) ++count[std::size_t(kind_[std::size_t(u)])];
  comm.sum(count);
  return count;
}

// The K uploads that come next, whenever their clients began.
Selection Participation::next_uploads(std::int64_t version, const Comm& comm) const {
  Selection s;
  s.step = schedule_->next(version, now_);
  for (const auto& flight : s.step->counted) {
    const auto place = std::ranges::lower_bound(data_.client_ids, std::int32_t(flight.client));
    if (place == data_.client_ids.end() || *place != flight.client) continue;
    s.local.push_back(std::int32_t(place - data_.client_ids.begin()));
    s.versions.push_back(flight.version);
  }
  s.asked = s.local;
  s.available = data_.clients;
  s.invited = s.step->invited;
  s.delivered = std::int64_t(s.step->counted.size());
  s.dropped = s.step->dropped;
  s.late = s.step->stale;
  s.took = s.step->took;
  s.of_devices = s.step->of_devices;
  s.wasted = s.step->wasted;
  s.of_kind = by_kind(s.local, comm);
  return s;
}

Selection Participation::select(std::int64_t round, const Comm& comm) const {
  if (schedule_) return next_uploads(round - 1, comm);
  Selection s;
  if (config_.federation.sampling == Sampling::poisson) {  // nobody is chosen beside it
    s.local = sample_participants(config_, data_, round);
    s.available = data_.clients;
    s.asked = s.local;
    s.invited = s.delivered = comm.sum(std::int64_t(s.local.size()));
    take_time(s.local, 0, s, comm);
    return s;
  }
  std::int64_t waited = 0;
  auto up = up_at(round, now_);
  s.available = comm.sum(std::int64_t(up.size()));
  if (s.available == 0 && trace_.period() > 0) {
    waited = comm.min(trace_.wait(now_)).value_or(0);
    up = up_at(round, now_ + waited);
    s.available = comm.sum(std::int64_t(up.size()));
  }
  s.asked = invite(up, round, s.available, comm);
  s.invited = comm.sum(std::int64_t(s.asked.size()));
  s.local = first_of(s.asked, round, s, comm);
  s.late = s.invited - s.delivered - s.dropped;
  s.stands = s.delivered < least_;
  take_time(s.asked, waited, s, comm);
  if (s.stands) stand(s);
  return s;
}

void Participation::pass(const Selection& selection) {
  now_ += selection.took;
  if (schedule_) schedule_->pass(*selection.step);
  for (std::size_t k = 0; k < deliveries_.size(); ++k) deliveries_[k] += selection.of_kind[k];
}

void Participation::visit(StateVisitor& visitor, const std::string& name) {
  visitor.number(name + "/clock", now_);
  visitor.shared(name + "/deliveries", std::span<std::int64_t>(deliveries_));
  if (schedule_) schedule_->visit(visitor, name + "/async");
  auto files = files_;
  visitor.text(name + "/files", files);
  if (files != files_)
    throw InputError(
        "the files of --availability-trace or --device-classes are not those of the "
        "run that is resumed",
        "other clients would take part", "give the files as they were");
}

}  // namespace fedfuse
