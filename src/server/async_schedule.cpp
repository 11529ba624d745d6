#include "server/async_schedule.hpp"

#include <algorithm>
#include <bit>
#include <functional>

#include "core/error.hpp"
#include "core/rng.hpp"

namespace fedfuse {
namespace {

// The clients that can be invited, in the order of their ids: finds the j-th of N in log N steps by
// a Fenwick tree of counts.
class FreeClients {
 public:
  explicit FreeClients(std::int64_t clients)
      : counts_(std::size_t(clients) + 1), top_(std::bit_floor(std::uint64_t(clients))) {
    for (std::size_t k = 1; k < counts_.size(); ++k) counts_[k] = std::int64_t(k & -k);
    free_ = clients;
  }
  [[nodiscard]] std::int64_t count() const { return free_; }
  void take(std::int64_t client) { change(client, -1); }
  void give_back(std::int64_t client) { change(client, 1); }
  // place: from 0 to count() - 1
  [[nodiscard]] std::int64_t at(std::int64_t place) const {
    std::size_t before = 0;
    for (auto step = top_; step > 0; step /= 2)
      if (before + step < counts_.size() && counts_[before + step] <= place) {
        before += step;
        place -= counts_[before];
      }
    return std::int64_t(before);
  }

 private:
  void change(std::int64_t client, std::int64_t by) {
    free_ += by;
    for (auto k = std::size_t(client) + 1; k < counts_.size(); k += k & -k) counts_[k] += by;
  }
  std::vector<std::int64_t> counts_;  // [k]: of the k & -k clients that end with client k - 1
  std::size_t top_;
  std::int64_t free_ = 0;
};

}  // namespace

AsyncSchedule::AsyncSchedule(const Config& config, std::vector<std::int64_t> turns)
    : seed_(config.federation.seed),
      uploads_(config.participation.async),
      places_(clients_in_flight(config, std::int64_t(turns.size()))),
      max_staleness_(config.participation.max_staleness),
      dropout_(config.participation.dropout),
      turns_(std::move(turns)) {
  FEDFUSE_CHECK(uploads_ <= places_ && places_ <= std::int64_t(turns_.size()),
                "a step can have its uploads");
}

bool AsyncSchedule::is_lost(const Flight& flight) const {
  const Rng rng(seed_, Purpose::dropout);
  return dropout_ > 0 && rng.uniform(std::uint64_t(flight.number), 0, 0) < dropout_;
}

AsyncStep AsyncSchedule::next(std::int64_t version, std::int64_t now) const {
  const Rng rng(seed_, Purpose::participants);
  AsyncStep step;
  step.version = version;
  step.invitations = invitations_;
  auto& queue = step.in_flight;  // a heap until the step is made: the next arrival first
  queue = in_flight_;
  FreeClients free(std::int64_t(turns_.size()));
  for (const auto& flight : queue) free.take(flight.client);
  std::ranges::make_heap(queue, std::greater());
  // a client whose upload waits in the buffer is not free: its turn may count once a step
  const auto fill_places = [&](std::int64_t at) {
    while (std::int64_t(queue.size()) < places_ && free.count() > 0) {
      const auto number = step.invitations++;
      const auto word = rng.words(std::uint64_t(number), 0, 0)[0];  // rounds count from 1
      const auto client = free.at(Rng::below(word, std::uint32_t(free.count())));
      free.take(client);
      queue.push_back({at + turns_[std::size_t(client)], client, version, number});
      std::ranges::push_heap(queue, std::greater());
      ++step.invited;
    }
  };
  auto clock = now;
  while (std::int64_t(step.counted.size()) < uploads_) {
    fill_places(clock);
    std::ranges::pop_heap(queue, std::greater());
    const auto flight = queue.back();
    queue.pop_back();
    clock = flight.arrival;
    const auto turn = turns_[std::size_t(flight.client)];
    step.of_devices += turn;
    const bool lost = is_lost(flight);
    if (!lost && version - flight.version <= max_staleness_) {
      step.counted.push_back(flight);
      continue;
    }
    ++(lost ? step.dropped : step.stale);
    step.wasted += turn;
    free.give_back(flight.client);
  }
  step.took = clock - now;
  std::ranges::sort(step.counted, {}, &Flight::client);
  std::ranges::sort(queue);
  return step;
}

void AsyncSchedule::pass(const AsyncStep& step) {
  in_flight_ = step.in_flight;
  invitations_ = step.invitations;
}

std::vector<std::int64_t> AsyncSchedule::versions_before(std::int64_t version) const {
  std::vector<std::int64_t> versions;
  for (const auto& flight : in_flight_)
    if (flight.version < version && version - flight.version <= max_staleness_)
      versions.push_back(flight.version);
  std::ranges::sort(versions);
  const auto [first, last] = std::ranges::unique(versions);
  versions.erase(first, last);
  return versions;
}

void AsyncSchedule::visit(StateVisitor& visitor, const std::string& name) {
  constexpr std::size_t members = 4;
  auto flights = std::int64_t(in_flight_.size());
  visitor.number(name + "/invitations", invitations_);
  visitor.number(name + "/flights", flights);
  in_flight_.resize(std::size_t(flights));
  std::vector<std::int64_t> values(members * in_flight_.size());
  auto* at = values.data();
  for (const auto& f : in_flight_)
    for (const auto value : {f.arrival, f.client, f.version, f.number}) *at++ = value;
  visitor.shared(name + "/in_flight", std::span<std::int64_t>(values));
  if (!visitor.loads()) return;
  at = values.data();
  for (auto& f : in_flight_) {
    f = {at[0], at[1], at[2], at[3]};
    at += members;
  }
}

}  // namespace fedfuse
