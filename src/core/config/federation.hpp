#pragma once
// The options of the federation and their choices (models.md, section 1).
#include <cstdint>

#include "core/choice.hpp"

namespace fedfuse {

// The items that negatives are drawn from.
enum class Negatives { own_train, own_all, trained_items };
template <>
inline constexpr auto choice_names<Negatives> =
    std::array{Named{Negatives::own_train, "own-train"}, Named{Negatives::own_all, "own-all"},
               Named{Negatives::trained_items, "trained-items"}};

struct FederationOptions {
  std::int64_t rounds = 100;  // R
  double fraction = 1.0;      // beta: share of the clients that take part in a round
  std::uint64_t seed = 0;
  std::int64_t local_epochs = 5;            // E
  std::int64_t batch = 256;                 // B
  std::int64_t negatives_per_positive = 4;  // q
  Negatives negatives = Negatives::own_train;
  double lr = 0.1;            // eta
  double lr_items = -1.0;     // eta_I; negative: eta * M
  double weight_decay = 0.0;  // kappa
  bool operator==(const FederationOptions&) const = default;
};
void validate(const FederationOptions& options);  // InputError

// How many of all clients take part in a round: round(fraction * clients), halves up, at least 1.
[[nodiscard]] std::int64_t participants_of_round(const FederationOptions& options,
                                                 std::int64_t clients);

}  // namespace fedfuse
