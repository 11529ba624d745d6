#pragma once
// The memory that a run will ask the host for, known before it does.
#include <vector>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/memory.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"

namespace fedfuse {

// The largest things that training allocates on this rank, each with the option that makes it
// large. Less than the whole: what is refused could not have run (but the old models of --async,
// which are as many as may be kept).
[[nodiscard]] std::vector<MemoryNeed> memory_needs(const Config& config, const ModelSpec& spec,
                                                   const Dataset& data, int threads);

// Collective. InputError when a client's samples of a round cannot be counted in 32 bits, or the
// needs exceed what is free (check_memory_needs). config: effective.
void check_host_memory(const Config& config, const Dataset& data, int threads, const Comm& comm);

}  // namespace fedfuse
