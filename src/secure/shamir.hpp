#pragma once
// A secret in shares, t of which give it back and t - 1 of which tell nothing (Shamir 1979): a
// polynomial of degree t - 1 over the integers modulo 2^61 - 1, whose value at 0 is the secret.
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/rng.hpp"

namespace fedfuse {

using Secret = std::array<std::uint8_t, 32>;
// 32 bytes are five numbers of 56 bits.
using Share = std::array<std::uint64_t, 5>;

// Shares 1 to `shares`: the polynomial's values there; t from 1 to `shares`. The coefficients are
// drawn by (who, round).
[[nodiscard]] std::vector<Share> split(const Secret& secret, int t, int shares, const Rng& rng,
                                       std::uint64_t who, std::uint32_t round);

// The secret from shares with these numbers (from 1, in pairs different), as many as t. With fewer,
// or one that was changed, something else.
[[nodiscard]] Secret join(std::span<const int> numbers, std::span<const Share> shares);

}  // namespace fedfuse
