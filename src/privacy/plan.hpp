#pragma once
// What the privacy options of a run mean: which theorem holds, with which noise, and what its
// epsilon says (models.md section 10).
#include <cstdint>
#include <string>

#include "core/config.hpp"
#include "privacy/accountant.hpp"

namespace fedfuse {

// The configuration as it is used and recorded: with noise, the adjacency, delta, and z where
// epsilon asks for it. InputError: a refusal (refusals.hpp), or an epsilon that no z reaches.
[[nodiscard]] Config with_privacy(Config config, std::int64_t clients);

// One round of an effective configuration with noise.
[[nodiscard]] SampledGaussian mechanism_of(const Config& config, std::int64_t clients);

// Texts of the record. Each is there with or without noise.
struct PrivacyNotes {
  std::string trust;             // what the server sees
  std::string epsilon_covers;    // "nothing: ..." without noise
  std::string epsilon_excludes;  // what this record or the protocol shows beside
};
[[nodiscard]] PrivacyNotes privacy_notes(const Config& config);

}  // namespace fedfuse
