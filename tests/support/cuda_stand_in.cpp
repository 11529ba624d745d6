// Preloaded before CUDA's runtime, it shows the program a machine that this one is not.
// CUDA_STAND_IN: old_driver; other_chip (compute capability 7.5); small_memory (256 free bytes
// on a chip of 9.0).
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

bool is(std::string_view machine) {
  const char* const word = std::getenv("CUDA_STAND_IN");
  return word != nullptr && machine == word;
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return is("old_driver") ? cudaErrorInsufficientDriver : cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = is("old_driver") ? 11020 : CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrComputeCapabilityMajor   ? (is("other_chip") ? 7 : 9)
           : attribute == cudaDevAttrComputeCapabilityMinor ? (is("other_chip") ? 5 : 0)
                                                            : 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::strcpy(properties->name, "a small chip");
  properties->multiProcessorCount = 132;
  properties->sharedMemPerBlockOptin = 227 << 10;
  properties->totalGlobalMem = std::size_t(80) << 30;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = 256;
  *total = std::size_t(80) << 30;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  static int some = 0;
  *stream = reinterpret_cast<cudaStream_t>(&some);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
}
