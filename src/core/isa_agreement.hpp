#pragma once
// All ranks of a run use one target.
#include <optional>
#include <string>

#include "core/comm.hpp"
#include "core/isa.hpp"

namespace fedfuse {

// Collective: the level for all ranks, where this rank's machine has `mine`. It is the lowest of
// the machines', or the one asked for. InputError on all ranks: it names a rank that cannot have
// it, or says that the ranks were asked for different ones.
[[nodiscard]] Isa agree_on_isa(const Targets& targets, const std::optional<std::string>& asked,
                               Isa mine, const Comm& comm);

}  // namespace fedfuse
