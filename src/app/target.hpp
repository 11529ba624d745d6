#pragma once
// From a target to its code. With -DFEDFUSE_NATIVE=ON that is linked (target_linked.cpp), else it
// is loaded from a library of its own (target_loaded.cpp): a program that held the inline functions
// of several targets would run those of any of them.
#include "core/isa.hpp"

namespace fedfuse {

using Program = int (*)(int argc, const char* const* argv, int with_mpi);

// InputError when the library of that level cannot be loaded.
[[nodiscard]] Program program_of(Isa level);

}  // namespace fedfuse
