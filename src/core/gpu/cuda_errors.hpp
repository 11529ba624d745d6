#pragma once
// CUDA's error codes as exceptions; built with CUDA only.
#ifdef FEDFUSE_HAVE_CUDA
#include <cuda_runtime_api.h>

namespace fedfuse::gpu {

// InputError where this machine, or what else runs on it, is the reason and not the program: no
// code for the device, a driver that is too old, no memory, a device that others hold. Otherwise
// InternalError. what: the call, in words.
[[noreturn]] void fail_cuda(cudaError_t code, const char* what);

inline void check_cuda(cudaError_t code, const char* what) {
  if (code != cudaSuccess) fail_cuda(code, what);
}

}  // namespace fedfuse::gpu
#endif
