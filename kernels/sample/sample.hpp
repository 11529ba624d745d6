#pragma once
// The samples of one client in one round (models.md sections 1 and 6), n = |P_u| (1 + q):
//
//   negatives  words of the stream (seed, negatives; u, round), each scaled to the pool of items
//              (in_order: the items 0, 1, .. M - 1, 0, .. instead),
//              in their order, those left out that
//              are in P_u (own-all: or held out), until q |P_u| are found; none when the pool holds
//                nothing else
//   items      the distinct items of P_u and the negatives, ascending: item s is slot s
//   entries   for every epoch all n samples: by slot where they are one batch, whose order changes
//             nothing; else shuffled (Fisher and Yates) by the stream (seed, shuffle; u | epoch <<
//             32, round)
//
// Integers only: every variant gives the same samples. Bytes: 4 |P_u| read; 4 n (1 + E) + 4 slots
// written. Operations: a Philox block (about 40 integer operations) for four candidates, n
// log2(n)^2 / 4 comparisons of the sorting network; n E swaps that follow each other where an epoch
// is more than a batch.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/gpu/device.hpp"
#include "core/rng.hpp"

namespace fedfuse::sample {

// The same for all clients of a run.
struct Rules {
  Rng negatives, shuffle;
  std::int64_t items = 0;                  // M
  std::span<const std::int32_t> listed{};  // the pool when it is not all items
  bool spare_held_out = false;
  bool in_order = false;          // the items of lowest id, in every round
  std::int64_t per_positive = 4;  // q
  std::int64_t epochs = 1, batch = 256;
  [[nodiscard]] std::int64_t pool() const {
    return listed.empty() ? items : std::int64_t(listed.size());
  }
  // Whether n entries are one batch: every step of the round is then the same.
  [[nodiscard]] bool one_batch(std::int64_t n) const { return n <= batch; }
};

// n: samples of a client in an epoch: its positives, and q negatives for each.
[[nodiscard]] inline std::int64_t samples_an_epoch(std::int64_t positives,
                                                   std::int64_t per_positive) {
  return positives * (1 + per_positive);
}

struct Client {
  std::int32_t id = 0;                      // u, of the whole data set
  std::span<const std::int32_t> positives;  // P_u, ascending
  std::int32_t valid = -1, test = -1;       // held out
};

struct Samples {
  std::vector<std::int32_t> items;  // of each slot, ascending
  // of each entry: E epochs of n entries
  std::vector<std::int32_t> slot;
  std::vector<float> label;           // of each entry
  std::vector<std::int32_t> begin;    // of each step, and the end
  std::int64_t distinct_entries = 0;  // n
  // scratch
  std::vector<std::int32_t> candidates, marks, entry_slot, order;
  std::vector<std::uint64_t> keys;
  std::vector<std::uint32_t> words;
};

// Fills `samples`, whose memory is reused from client to client.
using Function = void (*)(const Rules& rules, const Client& client, std::uint32_t round,
                          Samples& samples);
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

// Where the steps of E epochs of n entries begin: no batch crosses an epoch.
void place_steps(const Rules& rules, std::int64_t n, std::vector<std::int32_t>& begin);

}  // namespace fedfuse::sample
