#pragma once
// Checkpoints, and going on from one (results/checkpoint.hpp).
#include <cstdint>

#include "core/duration.hpp"

namespace fedfuse {

struct RestartOptions {
  // rounds between checkpoints; 0: only when a signal or the time budget ends the run
  std::int64_t checkpoint_every = 0;
  bool resume = false;   // go on from the newest checkpoint that is whole
  Duration time_budget;  // save and exit with 75 before so much time has passed
  bool operator==(const RestartOptions&) const = default;
};
void validate(const RestartOptions& options);  // InputError

}  // namespace fedfuse
