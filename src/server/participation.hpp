#pragma once
// Who takes part in a round on simulated devices (models.md, section 13): decided before anybody
// trains, by the seed, the round and the clock. The clock counts whole simulated microseconds.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "clients/availability.hpp"
#include "clients/devices.hpp"
#include "clients/state_visitor.hpp"
#include "core/comm.hpp"
#include "core/config.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"
#include "server/async_schedule.hpp"
#include "server/place_of_all.hpp"

namespace fedfuse {

// Over all ranks, but for `local`. Times in microseconds.
struct Selection {
  std::vector<std::int32_t> local;  // those that count, of this rank, ascending
  std::vector<std::int32_t> asked;  // those that were invited, of this rank, ascending
  std::int64_t available = 0, invited = 0, delivered = 0;  // delivered: those that count
  std::int64_t dropped = 0, late = 0;
  std::int64_t took = 0;                    // the round
  std::int64_t of_devices = 0, wasted = 0;  // all invited; those of them that do not count
  std::vector<std::int64_t> of_kind;        // that count, of each kind of device
  bool stands = false;                      // too few: nobody trains, the model stays
  std::optional<AsyncStep> step;            // --async: of all ranks
  std::vector<std::int64_t> versions;       // ... of the models that `local` started from
};

class Participation {
 public:
  // Reads the files of its options. bytes: that a participant sends and receives. Collective.
  // InputError: a file, or a client whose turn would take more than 10^6 s.
  Participation(const Config& config, const ModelSpec& spec, const Dataset& data, double bytes,
                const Comm& comm);

  // Collective.
  [[nodiscard]] Selection select(std::int64_t round, const Comm& comm) const;
  void pass(const Selection& selection);                   // that round is over
  [[nodiscard]] std::int64_t now() const { return now_; }  // since the first round began

  // Of each kind of device: turns that counted, in all rounds.
  [[nodiscard]] const std::vector<std::int64_t>& deliveries() const { return deliveries_; }

  // The clock and those counts. InputError when the files of the options are no longer those of
  // the checkpoint.
  void visit(StateVisitor& visitor, const std::string& name);

  [[nodiscard]] const std::vector<std::string>& kinds() const { return devices_.kinds(); }
  [[nodiscard]] std::span<const std::int32_t> kind_of() const { return kind_; }  // local clients
  // SHA-256 of the files of the options; "" without
  [[nodiscard]] const std::string& files() const { return files_; }
  // --async, else null
  [[nodiscard]] const AsyncSchedule* schedule() const { return schedule_ ? &*schedule_ : nullptr; }

 private:
  void measure(double bytes);
  [[nodiscard]] std::vector<std::int64_t> turns_of_all(const Comm& comm) const;
  [[nodiscard]] Selection next_uploads(std::int64_t version, const Comm& comm) const;
  [[nodiscard]] std::vector<std::int64_t> by_kind(const std::vector<std::int32_t>& local,
                                                  const Comm& comm) const;
  [[nodiscard]] std::vector<std::int32_t> up_at(std::int64_t round, std::int64_t now) const;
  // Of the clients that are up, those that the server invites.
  [[nodiscard]] std::vector<std::int32_t> invite(const std::vector<std::int32_t>& up,
                                                 std::int64_t round, std::int64_t up_of_all,
                                                 const Comm& comm) const;
  // Of the invited, those that count.
  [[nodiscard]] std::vector<std::int32_t> first_of(const std::vector<std::int32_t>& invited,
                                                   std::int64_t round, Selection& selection,
                                                   const Comm& comm) const;
  void take_time(const std::vector<std::int32_t>& invited, std::int64_t waited,
                 Selection& selection, const Comm& comm) const;
  [[nodiscard]] std::uint32_t id_of(std::int32_t local) const {
    return std::uint32_t(data_.client_ids[std::size_t(local)]);
  }

  const Config& config_;
  const Dataset& data_;
  SimulatedDevices devices_;
  AvailabilityTrace trace_;
  std::int64_t wanted_, least_;     // participants that count at most, and that a round needs
  std::int64_t deadline_;           // 0: none
  std::vector<std::int64_t> turn_;  // of local clients: how long one takes
  std::vector<std::int32_t> kind_;
  std::string files_;
  std::int64_t now_ = 0;
  std::vector<std::int64_t> deliveries_;
  std::optional<AsyncSchedule> schedule_;
};

}  // namespace fedfuse
