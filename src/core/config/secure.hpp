#pragma once
// The options of the secure sum, and their choices (models.md, section 14).
#include <cstdint>

#include "core/choice.hpp"

namespace fedfuse {

// check: all clients of a round mask a window of words. sample: some of them mask all words, with
// keys that they agree on.
enum class SecureSumKind { none, check, sample };
template <>
inline constexpr auto choice_names<SecureSumKind> =
    std::array{Named{SecureSumKind::none, "none"}, Named{SecureSumKind::check, "check"},
               Named{SecureSumKind::sample, "sample"}};

struct SecureOptions {
  SecureSumKind sum = SecureSumKind::none;
  std::int64_t window = 256;   // of check: words
  std::int64_t clients = 200;  // of sample
  std::int64_t degree = 0;     // k: clients that one shares masks with; 0: by the two shares below
  std::int64_t threshold = 0;  // t: shares that give a secret back; 0: as k, or above k / 2
  double corrupt = 0.05;       // at most this share of the clients works with the server
  double gone = 0.1;           // ... and this share does not deliver
  bool operator==(const SecureOptions&) const = default;
};
void validate(const SecureOptions& options);  // InputError

}  // namespace fedfuse
