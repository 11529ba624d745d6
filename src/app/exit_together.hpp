#pragma once
// How a run on many ranks ends: one message and one exit code. No rank waits for a rank that has
// failed alone.
#include <functional>

#include "core/comm.hpp"

namespace fedfuse {

// Collective. Runs work and returns the exit code of the program, the same on every rank: 0, 2
// (InputError) or 1 (anything else). The lowest rank that failed prints. A rank that fails while
// the others go on ends them all with MPI_Abort, after `patience` seconds: ranks that fail together
// do so within moments.
[[nodiscard]] int run_to_exit_code(const Comm& comm, const std::function<void()>& work,
                                   double patience = 5.0);

}  // namespace fedfuse
