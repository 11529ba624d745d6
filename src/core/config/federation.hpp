#pragma once
// The options of the federation and their choices (models.md, section 1).
#include <cstdint>

#include "core/choice.hpp"

namespace fedfuse {

// The items that negatives are drawn from.
enum class Negatives { own_train, own_all, trained_items, lowest_ids };
template <>
inline constexpr auto choice_names<Negatives> = std::array{
    Named{Negatives::own_train, "own-train"}, Named{Negatives::own_all, "own-all"},
    Named{Negatives::trained_items, "trained-items"}, Named{Negatives::lowest_ids, "lowest-ids"}};

// How a row of the shared table moves (models.md, section 2). counts: clients step by sums over the
// batch, the server divides by the clients that touched the row. mean: the papers' rule, with both
// means.
enum class ItemUpdate { counts, mean };
template <>
inline constexpr auto choice_names<ItemUpdate> =
    std::array{Named{ItemUpdate::counts, "counts"}, Named{ItemUpdate::mean, "mean"}};

// How a round's participants are drawn. fixed: round(beta N) without replacement. poisson: each
// client with probability beta, and means are over the expected number.
enum class Sampling { fixed, poisson };
template <>
inline constexpr auto choice_names<Sampling> =
    std::array{Named{Sampling::fixed, "fixed"}, Named{Sampling::poisson, "poisson"}};

struct FederationOptions {
  std::int64_t rounds = 100;  // R
  double fraction = 1.0;      // beta: share of the clients that take part in a round
  Sampling sampling = Sampling::fixed;
  std::uint64_t seed = 0;
  std::int64_t local_epochs = 5;            // E
  std::int64_t batch = 256;                 // B
  std::int64_t negatives_per_positive = 4;  // q
  Negatives negatives = Negatives::own_train;
  // -1: the default of the fusion (clients/local_round.hpp)
  double lr = -1.0;  // eta
  ItemUpdate item_update = ItemUpdate::counts;
  double lr_items = -1.0;         // eta_I; -1: 0.1 with counts, eta * M with mean
  double lr_items_server = -1.0;  // eta_S, with counts; -1: 8, or 1 over a group prior
  double lr_decay = 1.0;          // eta times this a round
  double lr_items_decay = 1.0;    // eta_I times this a round
  double weight_decay = 0.0;      // kappa
  bool operator==(const FederationOptions&) const = default;
};
void validate(const FederationOptions& options);  // InputError

// How many of all clients take part in a round: round(fraction * clients), halves up, at least 1.
// With poisson: about so many.
[[nodiscard]] std::int64_t participants_of_round(const FederationOptions& options,
                                                 std::int64_t clients);

}  // namespace fedfuse
