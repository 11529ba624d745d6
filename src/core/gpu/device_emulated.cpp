#include <cstdlib>
#include <cstring>
#include <new>

#include "core/gpu/device.hpp"
#include "core/gpu/simt.hpp"
#include "core/memory.hpp"
#include "core/timer.hpp"

namespace fedfuse::gpu {
namespace {

// Host memory in the role of a device's. What was never written reads as NaN; ASan sees the end of every buffer.
class EmulatedDevice final : public Device {
 public:
  explicit EmulatedDevice(int threads) : Device(describe()) {
    auto schedule = simt::schedule();
    schedule.workers = threads;
    simt::set_schedule(schedule);
  }
  [[nodiscard]] std::size_t free_bytes() const override { return std::size_t(available_memory_bytes()); }
  void* allocate_pinned(std::size_t bytes) override { return allocate_raw(bytes); }
  void release_pinned(void* memory) noexcept override { release_raw(memory); }
  void* create_stream() override { return nullptr; }
  void destroy_stream(void*) noexcept override {}
  void synchronise(void*) override {}
  void wait_for(void*, void*) override {}
  void copy_in(void* device, const void* host, std::size_t bytes, void*) override { std::memcpy(device, host, bytes); }
  void copy_out(void* host, const void* device, std::size_t bytes, void*) override { std::memcpy(host, device, bytes); }
  void* create_event() override { return new double(0); }
  void destroy_event(void* event) noexcept override { delete static_cast<double*>(event); }
  void record(void* event, void*) override { *static_cast<double*>(event) = now_seconds(); }
  double seconds_between(void* first, void* second) override { return *static_cast<double*>(second) - *static_cast<double*>(first); }
  void fill(void* device, int byte, std::size_t bytes, void*) override { std::memset(device, byte, bytes); }

 private:
  static DeviceInfo describe() {
    DeviceInfo info;
    info.name = "emulated (the CUDA kernels on the CPU)";
    info.uuid = "emulated";
    info.shared_per_block = 227 << 10;  // a Hopper chip's
    info.total_bytes = std::size_t(available_memory_bytes());
    info.emulated = true;
    return info;
  }
  static constexpr std::align_val_t alignment{256};  // as cudaMalloc's
  void* allocate_raw(std::size_t bytes) override {
    void* memory = ::operator new(bytes, alignment);
    std::memset(memory, 0xFF, bytes);
    return memory;
  }
  void release_raw(void* memory) noexcept override { ::operator delete(memory, alignment); }
};

}  // namespace

std::shared_ptr<Device> open_emulated_device(int threads) { return std::make_shared<EmulatedDevice>(threads); }

}  // namespace fedfuse::gpu
