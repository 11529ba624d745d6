#pragma once
// Who takes part in a round, and on which samples a client trains: pure functions of (seed, round, client).
#include <cstdint>
#include <span>
#include <vector>

#include "core/config.hpp"
#include "core/rng.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

enum class Negatives { own_train, own_all, trained_items };
[[nodiscard]] Negatives find_negatives(const std::string& name);

// S_r: round(fraction * clients) of all clients (at least one), without replacement; the positions in
// data.client_ids of those that live on this rank, ascending.
[[nodiscard]] std::vector<std::int32_t> sample_participants(const Config& config, const Dataset& data, std::int64_t round);

// The samples of one client in one round: positives with label 1 and q negatives for each with label 0, drawn anew each
// round; the distinct items are slots 0.. in ascending order, and entries stand in the order of the steps.
struct Samples {
  std::vector<std::int32_t> items;                            // of each slot, ascending
  std::vector<std::int32_t> slot;                             // of each entry: E epochs of n (1 + q) entries
  std::vector<float> label;                                   // of each entry
  std::vector<std::int32_t> begin;                            // of each step, and the end
  std::int64_t distinct_entries = 0;                          // n (1 + q)
  std::vector<std::int32_t> slot_of_item, entry_slot, order;  // scratch of draw()
};

class Sampler {
 public:
  Sampler(const Config& config, const Dataset& data);
  // Fills `samples`, whose memory is reused from client to client.
  void draw(std::int64_t local, std::int64_t round, Samples& samples) const;

 private:
  [[nodiscard]] bool excluded(std::int64_t local, std::int32_t item) const;
  void draw_negatives(std::int64_t local, std::int64_t round, std::vector<std::int32_t>& items) const;
  const Dataset& data_;
  Negatives negatives_;
  std::int64_t per_positive_, epochs_, batch_;
  Rng negative_rng_, shuffle_rng_;
  std::vector<std::int32_t> trained_items_;  // for trained-items only
};

}  // namespace fedfuse
