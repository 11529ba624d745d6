#pragma once
// The options of the group prior and their choices (models.md, section 9).
#include <cstdint>

#include "core/choice.hpp"

namespace fedfuse {

// The shares that a client starts with: all in one group, the nearest of G centroids of mean item
// features, a drawn one, or that of its label.
enum class PriorStart { behaviour, random, labels };
template <>
inline constexpr auto choice_names<PriorStart> =
    std::array{Named{PriorStart::behaviour, "behaviour"}, Named{PriorStart::random, "random"},
               Named{PriorStart::labels, "labels"}};

// soft: a client computes its shares anew in every round; fixed: those of the start stay.
enum class PriorShares { soft, fixed };
template <>
inline constexpr auto choice_names<PriorShares> =
    std::array{Named{PriorShares::soft, "soft"}, Named{PriorShares::fixed, "fixed"}};

// What a client does with the teacher's logits: adds them to its scores, or distils them.
enum class PriorUse { prior, soft_labels };
template <>
inline constexpr auto choice_names<PriorUse> =
    std::array{Named{PriorUse::prior, "prior"}, Named{PriorUse::soft_labels, "soft-labels"}};

// The items that the teacher counts as negatives: all, or those that a client of the round has.
enum class PriorNegatives { all, touched };
template <>
inline constexpr auto choice_names<PriorNegatives> =
    std::array{Named{PriorNegatives::all, "all"}, Named{PriorNegatives::touched, "touched"}};

struct PriorOptions {
  std::int64_t groups = 20;       // G
  std::int64_t hidden = 128;      // h
  std::int64_t projection = 512;  // P: width of the projected features
  std::int64_t steps = 10;        // K: Adam steps a round
  double lr = 1e-2;
  double decay = 0.03;      // decoupled weight decay of its parameters
  double least_mass = 5.0;  // of a group; a lighter one is not taught
  PriorStart start = PriorStart::behaviour;
  PriorShares shares = PriorShares::soft;
  PriorNegatives negatives = PriorNegatives::all;
  PriorUse use = PriorUse::prior;
  bool operator==(const PriorOptions&) const = default;
};
void validate(const PriorOptions& options);  // InputError

}  // namespace fedfuse
