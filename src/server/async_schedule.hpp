#pragma once
// Who uploads when in buffered asynchronous steps (FedBuff: Nguyen et al., AISTATS 2022;
// models.md, section 13). Pure, and the same on every rank: it knows the turns of all clients.
// Times are whole simulated microseconds.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clients/state_visitor.hpp"
#include "core/config.hpp"

namespace fedfuse {

// An invitation that was taken. Ordered by arrival; those of one moment by client.
struct Flight {
  std::int64_t arrival = 0;
  std::int64_t client = 0;   // its id
  std::int64_t version = 0;  // of the model that it started from: steps before it
  std::int64_t number = 0;   // of the invitation, from 0
  auto operator<=>(const Flight&) const = default;
};

// A step of the server, and what led to it.
struct AsyncStep {
  std::int64_t version = 0;                          // of the model that it is made on
  std::vector<Flight> counted;                       // the K uploads, by client
  std::vector<Flight> in_flight;                     // afterwards, in order
  std::int64_t invitations = 0;                      // so far
  std::int64_t invited = 0, dropped = 0, stale = 0;  // in this step; stale: too old to count
  std::int64_t took = 0;
  std::int64_t of_devices = 0, wasted = 0;  // the turns that ended; those of them that do not count
};

class AsyncSchedule {
 public:
  // turns: how long each client takes, by id.
  AsyncSchedule(const Config& config, std::vector<std::int64_t> turns);

  // The step that makes version + 1 of the model, from the clock `now` on.
  [[nodiscard]] AsyncStep next(std::int64_t version, std::int64_t now) const;
  void pass(const AsyncStep& step);  // that step is over

  // Of the models before `version`, those that a client in flight may still count with, ascending.
  [[nodiscard]] std::vector<std::int64_t> versions_before(std::int64_t version) const;
  void visit(StateVisitor& visitor, const std::string& name);

 private:
  [[nodiscard]] bool is_lost(const Flight& flight) const;
  std::uint64_t seed_;
  std::int64_t uploads_, places_, max_staleness_;  // K, Q, s_max
  double dropout_;
  std::vector<std::int64_t> turns_;
  std::vector<Flight> in_flight_;  // after the last step, in order
  std::int64_t invitations_ = 0;
};

}  // namespace fedfuse
