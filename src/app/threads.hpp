#pragma once
#include <cstdint>

#include "core/comm.hpp"

namespace fedfuse {

// Threads of this rank: the asked number, else OMP_NUM_THREADS, else the cores that it may use
// (shared fairly when the ranks of a node are not bound to cores; no more than a cgroup's quota).
// Sets it for all OpenMP loops; returns it. Collective.
// asked: 0 or a number of validate(ExecutionOptions). InputError: OMP_NUM_THREADS is no number of
// threads.
int set_threads(std::int64_t asked, const Comm& comm);

}  // namespace fedfuse
