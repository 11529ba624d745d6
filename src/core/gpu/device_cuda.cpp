// Compiled only where CUDA is found. Host code: no kernel here.
#include <cuda_runtime_api.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <vector>

#include "core/gpu/architectures.hpp"
#include "core/gpu/cuda_errors.hpp"
#include "core/gpu/device.hpp"
#include "core/text.hpp"

namespace fedfuse::gpu {
namespace {

cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (int b = 0; b < 16; ++b) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x",
                  unsigned(static_cast<unsigned char>(uuid.bytes[b])));
    if (b == 4 || b == 6 || b == 8 || b == 10) text += '-';
    text += hex.data();
  }
  return text;
}

// FEDFUSE_POISON=1: fresh memory is NaN, as on the emulated device, so that an element which no
// kernel writes does not hold the right value of an earlier test.
bool poisons() {
  static const bool asked = [] {
    const char* const word = std::getenv("FEDFUSE_POISON");
    return word != nullptr && std::string_view(word) == "1";
  }();
  return asked;
}

std::string version_text(int version) { return cat(version / 1000, ".", version % 1000 / 10); }

DeviceInfo describe(int index) {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, index), "properties of the device");
  int driver = 0;
  check_cuda(cudaDriverGetVersion(&driver), "version of the driver");
  DeviceInfo info;
  info.name = properties.name;
  info.uuid = uuid_text(properties.uuid);
  std::string kernel_module;
  std::ifstream("/sys/module/nvidia/version") >> kernel_module;
  info.driver =
      cat(kernel_module.empty() ? "?" : kernel_module, " (CUDA ", version_text(driver), ")");
  info.index = index;
  info.multiprocessors = properties.multiProcessorCount;
  info.shared_per_block = properties.sharedMemPerBlockOptin;
  info.total_bytes = properties.totalGlobalMem;
  return info;
}

// The devices of this process that the program has code for, and why there is none of them.
struct Seen {
  std::vector<int> usable;
  std::string why_none;
};

std::string why_not_seen(cudaError_t code) {
  int driver = 0;
  auto text = cat("no device: ", cudaGetErrorString(code));
  if (code != cudaErrorInsufficientDriver || cudaDriverGetVersion(&driver) != cudaSuccess)
    return text;
  if (driver == 0) return cat(text, " (there is no driver)");
  return cat(text, " (the driver serves CUDA ", version_text(driver), ", this program needs ",
             version_text(CUDART_VERSION), ")");
}

Seen look() {
  Seen seen;
  int count = 0;
  if (const auto code = cudaGetDeviceCount(&count); code != cudaSuccess) {
    seen.why_none = why_not_seen(code);
    return seen;
  }
  if (count == 0) seen.why_none = "no device is visible";
  for (int index = 0; index < count; ++index) {
    int major = 0, minor = 0;
    check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index),
               "the device's compute capability");
    check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index),
               "the device's compute capability");
    if (has_code_for(FEDFUSE_CUDA_ARCHITECTURES, 10 * major + minor))
      seen.usable.push_back(index);
    else if (seen.why_none.empty())
      seen.why_none = cat("no device that this program has code for: device ", index,
                          " has compute capability ", major, ".", minor,
                          ", the code is for " FEDFUSE_CUDA_ARCHITECTURES);
  }
  return seen;
}

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int index) : Device(describe(index)) { make_current(); }
  void make_current() const override {
    check_cuda(cudaSetDevice(info().index), "choice of the device");
  }
  [[nodiscard]] std::size_t free_bytes() const override {
    make_current();
    std::size_t free = 0, total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "free memory of the device");
    return free;
  }
  void* allocate_pinned(std::size_t bytes) override {
    make_current();
    void* memory = nullptr;
    check_cuda(cudaMallocHost(&memory, bytes), "pinned host memory");
    return memory;
  }
  void release_pinned(void* memory) noexcept override { cudaFreeHost(memory); }
  void* create_stream(Use) override {
    make_current();
    cudaStream_t stream = nullptr;
    check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
    return stream;
  }
  void destroy_stream(void* stream) noexcept override { cudaStreamDestroy(stream_of(stream)); }
  void synchronise(void* stream) override {
    make_current();
    check_cuda(cudaStreamSynchronize(stream_of(stream)), "work on the device");
  }
  bool is_done(void* stream) override {
    make_current();
    const auto code = cudaStreamQuery(stream_of(stream));
    if (code != cudaErrorNotReady) check_cuda(code, "work on the device");
    // the next launch would take it for its own
    if (code == cudaErrorNotReady) (void)cudaGetLastError();
    return code == cudaSuccess;
  }
  void wait_for(void* waiting, void* other) override {
    make_current();
    cudaEvent_t event = nullptr;
    check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
    const auto recorded = cudaEventRecord(event, stream_of(other));
    const auto waits = cudaStreamWaitEvent(stream_of(waiting), event, 0);
    cudaEventDestroy(event);  // released once it has been passed
    check_cuda(recorded, "recording an event");
    check_cuda(waits, "waiting for an event");
  }
  void copy_in(void* device, const void* host, std::size_t bytes, void* stream) override {
    make_current();
    check_cuda(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_of(stream)),
               "a copy to the device");
  }
  void copy_out(void* host, const void* device, std::size_t bytes, void* stream) override {
    make_current();
    check_cuda(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_of(stream)),
               "a copy from the device");
  }
  void* create_event() override {
    make_current();
    cudaEvent_t event = nullptr;
    check_cuda(cudaEventCreate(&event), "an event");
    return event;
  }
  void destroy_event(void* event) noexcept override {
    cudaEventDestroy(static_cast<cudaEvent_t>(event));
  }
  void record(void* event, void* stream) override {
    make_current();
    check_cuda(cudaEventRecord(static_cast<cudaEvent_t>(event), stream_of(stream)),
               "recording an event");
  }
  double seconds_between(void* first, void* second) override {
    float milliseconds = 0;
    check_cuda(cudaEventSynchronize(static_cast<cudaEvent_t>(second)), "work on the device");
    check_cuda(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(first),
                                    static_cast<cudaEvent_t>(second)),
               "time between events");
    return 1e-3 * double(milliseconds);
  }
  void fill(void* device, int byte, std::size_t bytes, void* stream) override {
    make_current();
    check_cuda(cudaMemsetAsync(device, byte, bytes, stream_of(stream)), "filling device memory");
  }
  void begin_capture(void* stream) override {
    make_current();
    check_cuda(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal),
               "recording a graph");
  }
  void* end_capture(void* stream) override {
    cudaGraph_t graph = nullptr;
    check_cuda(cudaStreamEndCapture(stream_of(stream), &graph), "the end of a graph's recording");
    cudaGraphExec_t executable = nullptr;
    const auto made = cudaGraphInstantiateWithFlags(&executable, graph, 0);
    cudaGraphDestroy(graph);
    check_cuda(made, "a graph");
    return executable;
  }
  void abandon_capture(void* stream) noexcept override {
    cudaGraph_t graph = nullptr;
    if (cudaStreamEndCapture(stream_of(stream), &graph) == cudaSuccess && graph != nullptr)
      cudaGraphDestroy(graph);
    cudaGetLastError();  // what went wrong is on its way already
  }
  void launch_graph(void* graph, void* stream) override {
    make_current();
    check_cuda(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_of(stream)),
               "launch of a graph");
  }
  void destroy_graph(void* graph) noexcept override {
    cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
  }

 private:
  void* allocate_raw(std::size_t bytes) override {
    make_current();
    void* memory = nullptr;
    check_cuda(cudaMalloc(&memory, bytes), "device memory");
    if (poisons()) {
      check_cuda(cudaMemset(memory, 0xFF, bytes), "poison");
      check_cuda(cudaDeviceSynchronize(), "poison");
    }  // our streams wait for no other
    return memory;
  }
  void release_raw(void* memory) noexcept override { cudaFree(memory); }
};

}  // namespace

int count_devices() { return int(look().usable.size()); }

std::string why_none() {
  const auto seen = look();
  return seen.usable.empty() ? seen.why_none : "";
}

std::shared_ptr<Device> open_cuda_device(int index) {
  const auto seen = look();
  const auto count = int(seen.usable.size());
  if (index < 0 || index >= count)
    throw InputError(cat("there is no CUDA device ", index),
                     count == 0 ? seen.why_none : cat(count, " are visible"),
                     "use --device cpu, or make the device visible");
  return std::make_shared<CudaDevice>(seen.usable[std::size_t(index)]);
}

}  // namespace fedfuse::gpu
