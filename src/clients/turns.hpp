#pragma once
// The clients that a rank trained, counted.
#include <cstdint>

namespace fedfuse {

// Of the clients that a rank trained, each time that it did: a pass may be made again (R7, R10).
struct Turns {
  std::int64_t turns = 0, samples = 0, flop = 0;
  Turns& operator+=(const Turns& other) {
    turns += other.turns;
    samples += other.samples;
    flop += other.flop;
    return *this;
  }
  bool operator==(const Turns&) const = default;
};

}  // namespace fedfuse
