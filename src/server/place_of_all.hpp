#pragma once
// The k-th smallest of all ranks' values, without a gather: digit by digit, a sum of 256 counts
// each.
#include <compare>
#include <cstdint>
#include <vector>

#include "core/comm.hpp"

namespace fedfuse {

// A key of a client. Equal keys are in the order of the ids.
struct Place {
  std::uint64_t key = 0;
  std::uint32_t id = 0;
  auto operator<=>(const Place&) const = default;
};

// k from 1 to the number of all ranks' places, which differ in pairs. Collective; the same on every
// rank.
[[nodiscard]] Place kth_of_all(std::vector<Place> mine, std::int64_t k, const Comm& comm);

}  // namespace fedfuse
