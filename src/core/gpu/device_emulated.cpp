#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "core/gpu/device.hpp"
#include "core/gpu/simt.hpp"
#include "core/memory.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace fedfuse::gpu {
namespace {

// What was put on a stream and did not happen yet.
using Work = std::vector<std::function<void()>>;
struct Queue {
  Use use = Use::alone;
  std::deque<std::function<void()>> work;
  std::shared_ptr<Work> recorded;  // while a graph is recorded: what was put on the stream since
};

// Host memory as device memory. An element that was never written is NaN; ASan sees the end of
// every buffer. Streams are as lazy as CUDA allows: a stream works only when the host waits for it.
// So a test fails where the host reads a result too early, or overwrites the source of a copy.
class EmulatedDevice final : public Device {
 public:
  explicit EmulatedDevice(int threads) : Device(describe()) {
    auto schedule = simt::schedule();
    schedule.workers = threads;
    simt::set_schedule(schedule);
  }
  [[nodiscard]] std::size_t free_bytes() const override {
    return std::size_t(available_memory_bytes());
  }
  void* allocate_pinned(std::size_t bytes) override {
    auto* memory = static_cast<std::byte*>(allocate_raw(bytes));
    pinned_[memory] = bytes;
    return memory;
  }
  void release_pinned(void* memory) noexcept override {
    pinned_.erase(static_cast<std::byte*>(memory));
    release_raw(memory);
  }
  void* create_stream(Use use) override {
    streams_.push_back(std::make_unique<Queue>());
    streams_.back()->use = use;
    return streams_.back().get();
  }
  void destroy_stream(void* stream) noexcept override {
    drain_all();  // others may wait for it
    std::erase_if(streams_, [stream](const auto& s) { return s.get() == stream; });
  }
  void synchronise(void* stream) override {
    check_not_recording(stream, "wait for it");
    drain(queue(stream));
  }
  bool is_done(void* stream) override {
    check_not_recording(stream, "ask after it");
    // Repeated queries must finish the stream; one query of an endless stream must return.
    drain(queue(stream), 1);
    return queue(stream).work.empty();
  }
  void wait_for(void* waiting, void* other) override {
    check_not_recording(waiting, "let it wait");
    check_not_recording(other, "wait for it");
    enqueue(waiting, [&before = queue(other), n = queue(other).work.size()] { drain(before, n); });
  }
  void copy_in(void* device, const void* host, std::size_t bytes, void* stream) override {
    if (is_pinned(host)) return enqueue(stream, [=] { std::memcpy(device, host, bytes); });
    check_not_recording(stream, "copy from memory that is not pinned");
    check_alone(stream, "from", bytes);
    // CUDA stages what is not pinned before it returns
    const auto* first = static_cast<const std::byte*>(host);
    enqueue(stream, [device, staged = std::vector<std::byte>(first, first + bytes)] {
      std::memcpy(device, staged.data(), staged.size());
    });
  }
  void copy_out(void* host, const void* device, std::size_t bytes, void* stream) override {
    if (!is_pinned(host)) check_alone(stream, "to", bytes);
    enqueue(stream, [=] { std::memcpy(host, device, bytes); });
  }
  // NOLINTBEGIN(cppcoreguidelines-owning-memory): handles as CUDA's, destroyed by their own call
  void* create_event() override { return new double(0); }
  void destroy_event(void* event) noexcept override {
    drain_all();
    delete static_cast<double*>(event);
  }
  // NOLINTEND(cppcoreguidelines-owning-memory)
  void record(void* event, void* stream) override {
    check_not_recording(stream, "record an event");
    enqueue(stream, [event] { *static_cast<double*>(event) = now_seconds(); });
  }
  double seconds_between(void* first, void* second) override {
    drain_all();
    return *static_cast<double*>(second) - *static_cast<double*>(first);
  }
  void fill(void* device, int byte, std::size_t bytes, void* stream) override {
    enqueue(stream, [=] { std::memset(device, byte, bytes); });
  }
  void begin_capture(void* stream) override {
    check_not_recording(stream, "record another graph");
    queue(stream).recorded = std::make_shared<Work>();
    ++recording_;
  }
  void* end_capture(void* stream) override {
    --recording_;
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): destroy_graph deletes it
    return new std::shared_ptr<Work>(std::exchange(queue(stream).recorded, nullptr));
  }
  void abandon_capture(void* stream) noexcept override {
    --recording_;
    queue(stream).recorded = nullptr;
  }
  void launch_graph(void* graph, void* stream) override {
    check_not_recording(stream, "launch a graph");
    enqueue(stream, [work = *static_cast<std::shared_ptr<Work>*>(graph)] {
      for (const auto& next : *work) next();
    });
  }
  void destroy_graph(void* graph) noexcept override {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): made by end_capture
    delete static_cast<std::shared_ptr<Work>*>(graph);
  }

  void enqueue(void* stream, std::function<void()> work) {
    auto& q = queue(stream);
    if (q.recorded != nullptr)
      q.recorded->push_back(std::move(work));
    else
      q.work.push_back(std::move(work));
  }

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
    if (recording_ > 0) throw InternalError("no memory can be allocated while a graph is recorded");
    void* memory = ::operator new(bytes, alignment);
    std::memset(memory, 0xFF, bytes);
    return memory;
  }
  void release_raw(void* memory) noexcept override {
    drain_all();  // as cudaFree
    ::operator delete(memory, alignment);
  }

  // What CUDA refuses of a stream whose work is being recorded.
  static void check_not_recording(void* stream, const char* what) {
    if (queue(stream).recorded != nullptr)
      throw InternalError(cat("a stream is being recorded into a graph: one cannot ", what));
  }
  // CUDA makes the host wait for such a copy, to a device where it has more than 64 kB. Of any size
  // here: what is small in a test is large in a run.
  static void check_alone(void* stream, const char* way, std::size_t bytes) {
    if (queue(stream).use == Use::overlap)
      throw InternalError(cat("a lane copies ", bytes, " bytes ", way,
                              " memory that is not pinned: the host would wait for it"));
  }
  static Queue& queue(void* stream) { return *static_cast<Queue*>(stream); }
  static void drain(Queue& queue, std::size_t first) {
    for (; first > 0 && !queue.work.empty(); --first) {
      const auto next = std::move(queue.work.front());
      queue.work.pop_front();
      next();
    }
  }
  static void drain(Queue& queue) {
    while (!queue.work.empty()) drain(queue, 1);
  }
  void drain_all() noexcept {
    try {
      for (const auto& stream : streams_) drain(*stream);
    } catch (...) {  // NOLINT(bugprone-empty-catch): the host's wait has thrown it already
    }
  }
  [[nodiscard]] bool is_pinned(const void* host) const {
    const auto* at = static_cast<const std::byte*>(host);
    return std::ranges::any_of(
        pinned_, [at](const auto& p) { return at >= p.first && at < p.first + p.second; });
  }
  std::vector<std::unique_ptr<Queue>> streams_;
  int recording_ = 0;  // streams
  std::map<const std::byte*, std::size_t> pinned_;
};

}  // namespace

void enqueue_emulated(Device& device, void* stream, std::function<void()> work) {
  dynamic_cast<EmulatedDevice&>(device).enqueue(stream, std::move(work));
}

std::shared_ptr<Device> open_emulated_device(int threads) {
  return std::make_shared<EmulatedDevice>(threads);
}

}  // namespace fedfuse::gpu
