#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "server/engine.hpp"

namespace fedfuse {

// "fedfuse 0.1.0 (commit 57e6ef3, modified)".
[[nodiscard]] std::string version_text();
// What it was built with, a line for each: target, compiler and flags, instruction set, MPI, HDF5,
// CUDA.
[[nodiscard]] std::string build_text();
// The identity of the program: SHA-256, 64 hexadecimal digits, of what may decide bits: version,
// commit, changes to the commit, target, compiler, flags, instruction set, Eigen, CUDA and the C
// library.
[[nodiscard]] std::string program_hash();

// Provenance as JSON: git sha and dirty flag, target, compiler, flags and instruction set, MPI,
// HDF5, argv, hosts, ranks, threads, seed, time, CUDA found.
[[nodiscard]] std::string provenance_json(const std::vector<std::string>& argv,
                                          std::int64_t threads, const Comm& comm,
                                          const EngineFacts& engine = {});
// Provenance of a run that was begun as `first` says (which may tell of earlier resumptions) and
// goes on as `own` does, after `round`.
[[nodiscard]] std::string resumed_provenance(const std::string& first, const std::string& own,
                                             std::int64_t round);

}  // namespace fedfuse
