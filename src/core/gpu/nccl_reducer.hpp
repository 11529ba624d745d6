#pragma once
// Sums with NCCL, on communicators that do not block: a call that does not return is abandoned,
// and later errors are polled for. How ranks end:
// - While ranks connect, they agree over MPI whether all could; else all of them abort, and sums go
//   over MPI.
// - Later an error is an exception on the rank that saw it. Other ranks may see nothing and wait
//   on: their kernels wait for ours. They are ended by
//   run_to_exit_code (app/exit_together.hpp), which calls MPI_Abort where one rank throws and the
//     others do not come.
#ifdef FEDFUSE_HAVE_NCCL
#include <nccl.h>

#include <memory>
#include <string>

#include "core/gpu/reducer.hpp"

namespace fedfuse::gpu {

// Its library's functions, or a test's stand-ins for them.
struct NcclCalls {
  decltype(&ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&ncclCommInitRankConfig) init = nullptr;
  decltype(&ncclAllReduce) all_reduce = nullptr;
  decltype(&ncclCommGetAsyncError) async_error = nullptr;
  decltype(&ncclCommFinalize) finalise = nullptr;
  decltype(&ncclCommDestroy) destroy = nullptr;
  decltype(&ncclCommAbort) abort = nullptr;
  decltype(&ncclGetErrorString) text = nullptr;
  std::string refused;  // why they cannot be called; empty: they can
};
// Loaded when it is wanted: a machine without it, or with another one in a module, still starts the
// program. Before 2.14 no call could be left: such a library is refused.
[[nodiscard]] NcclCalls load_nccl();

// Seconds. connect: all ranks begin at one moment; that takes one second or a few, tens of them on
// hundreds of ranks over a file system that is cold, and a broken network card gives up by itself
// after some twenty. It is waited for once a run, and only where something is broken. abort: NCCL
// frees a communicator when all ranks of a node abort it; where an error is seen by one alone, its
// abort comes back never.
struct NcclLimits {
  double connect = 120, abort = 5;
};

// Collective, the same answer on every rank; proved by a first sum.
[[nodiscard]] ChosenReducer choose_nccl(const NcclCalls& calls,
                                        const std::shared_ptr<Device>& device, const Comm& comm,
                                        NcclLimits limits = {});

}  // namespace fedfuse::gpu
#endif
