// Compiled only where CUDA is found.
#include "core/gpu/cuda_errors.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::gpu {
namespace {

// null: the program is at fault
const char* remedy(cudaError_t code) {
  switch (code) {
    case cudaErrorMemoryAllocation:
      return "use more ranks on more devices, a smaller --fraction, or --device cpu";
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return "build with CMAKE_CUDA_ARCHITECTURES of this device, or use --device cpu";
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return "install a newer driver, build with an older CUDA toolkit, or use --device cpu";
    case cudaErrorDevicesUnavailable:
    case cudaErrorSystemNotReady:
      return "wait until the device is free, or use --device cpu";
    default:
      return nullptr;
  }
}

}  // namespace

void fail_cuda(cudaError_t code, const char* what) {
  const auto* const text = cudaGetErrorString(code);
  if (const auto* const to_do = remedy(code))
    throw InputError("the CUDA device cannot be used", cat(what, ": ", text), to_do);
  throw InternalError(cat("CUDA: ", what, ": ", text));
}

}  // namespace fedfuse::gpu
