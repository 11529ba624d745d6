#pragma once
// What the scheduler of emulated threads (simt.cpp) keeps of each of them.
#include <cstddef>
#include <cstdint>

#include "core/gpu/fiber.hpp"
#include "core/gpu/late_copies.hpp"
#include "core/gpu/shared_stores.hpp"
#include "core/gpu/simt.hpp"

namespace fedfuse::simt {

inline constexpr unsigned lanes = 32;
enum class State : std::uint8_t { fresh, ready, at_barrier, at_collective, done };
enum class Collective : std::uint8_t { sync, ballot, read };

struct Thread {
  Fiber fiber;
  State state = State::fresh;
  Collective what = Collective::sync;
  unsigned mask = 0, source = 0;
  std::uint64_t value = 0, result = 0;
  LateCopies copies;
  OwnStores stores;
};

struct Warp {
  unsigned arrived = 0, exited = 0;
  alignas(64) std::byte scratch[warp_scratch_bytes];
};

}  // namespace fedfuse::simt
