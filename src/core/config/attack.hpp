#pragma once
// The options of attacks by clients, and of the server's defence, and their choices (models.md,
// section 12).
#include <cstdint>

#include "core/choice.hpp"

namespace fedfuse {

// What the attackers do. boost-item: push one item into lists. sign-flip: send the opposite.
// label-flip: train on the opposite. gaussian: send noise.
enum class Attack { none, boost_item, sign_flip, label_flip, gaussian };
template <>
inline constexpr auto choice_names<Attack> =
    std::array{Named{Attack::none, "none"}, Named{Attack::boost_item, "boost-item"},
               Named{Attack::sign_flip, "sign-flip"}, Named{Attack::label_flip, "label-flip"},
               Named{Attack::gaussian, "gaussian"}};

// How the server combines the rows of an item: their sum (its bound is --clip), or an order
// statistic of every number over the clients that touched the row.
enum class Defence { none, row_median, row_trimmed };
template <>
inline constexpr auto choice_names<Defence> =
    std::array{Named{Defence::none, "none"}, Named{Defence::row_median, "row-median"},
               Named{Defence::row_trimmed, "row-trimmed"}};

struct AttackOptions {
  Attack kind = Attack::none;
  double share = 0.01;     // of all clients
  std::int64_t item = -1;  // of boost-item; -1: of the items with interactions, the rarest
  double boost = 1.0;      // factor of what the attackers send
  Defence defence = Defence::none;
  double trim = 0.1;  // of row-trimmed: share that is cut at either end
  bool operator==(const AttackOptions&) const = default;
};
void validate(const AttackOptions& options);  // InputError

}  // namespace fedfuse
