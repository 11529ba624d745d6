#pragma once
// The host's view of a device: what it is, its memory, its streams. Two kinds: a CUDA device, and
// the emulated one, on which the same kernels run as fibers on the CPU (simt.hpp). Kernels are
// launched through on_platform.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/gpu/launch_facts.hpp"

namespace fedfuse::gpu {

struct Cuda {};
struct Emulated {};

#ifdef FEDFUSE_HAVE_CUDA
inline constexpr bool built_with_cuda = true;
#else
inline constexpr bool built_with_cuda = false;
#endif

struct DeviceInfo {
  // as the driver spells them; driver: of the kernel module, and the newest CUDA that it serves
  std::string name, uuid, driver;
  int index = 0;
  int multiprocessors = 1;
  std::size_t shared_per_block = 0;  // bytes that a block may ask for
  std::size_t total_bytes = 0;
  bool emulated = false;
};

// How many CUDA devices this process can use: 0 without a driver or with one that is too old,
// without a device that the program has code for, or when built without CUDA; why_none says which.
[[nodiscard]] int count_devices();
[[nodiscard]] std::string why_none();

// Where a variant of a kernel runs. for_proof: emulated, hundreds of times slower than anything one
// would time.
enum class Runs { everywhere, on_device, on_device_with_blas, for_proof };
// Why it does not run on this machine; empty: it does.
[[nodiscard]] std::string why_not(Runs runs);

// overlap, a lane: its work runs beside that of other lanes. It copies from and to pinned memory
// only (CUDA makes the host wait for other copies; the emulation refuses them), and its kernels ask
// for the same division of the first cache: those that want different ones do not run side by side.
enum class Use { alone, overlap };

class Device {
 public:
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] const DeviceInfo& info() const { return info_; }
  [[nodiscard]] virtual std::size_t free_bytes() const = 0;
  [[nodiscard]] std::size_t held_bytes() const { return held_; }
  [[nodiscard]] std::size_t high_water_bytes() const { return high_water_; }

  // Of this host thread: what CUDA calls without a device in their arguments work on. The verbs and
  // launches see to it.
  virtual void make_current() const {}

  // Raw verbs under Buffer and Stream. All copies are asynchronous on their stream.
  void* allocate(std::size_t bytes);
  void release(void* memory, std::size_t bytes) noexcept;
  virtual void* allocate_pinned(std::size_t bytes) = 0;
  virtual void release_pinned(void* memory) noexcept = 0;
  virtual void* create_stream(Use use) = 0;
  virtual void destroy_stream(void* stream) noexcept = 0;
  virtual void synchronise(void* stream) = 0;
  // all that is on it; does not wait (the emulated device does a piece of the work first)
  virtual bool is_done(void* stream) = 0;
  // what is put on `waiting` later starts after what is on `other` now
  virtual void wait_for(void* waiting, void* other) = 0;
  virtual void copy_in(void* device, const void* host, std::size_t bytes, void* stream) = 0;
  virtual void copy_out(void* host, const void* device, std::size_t bytes, void* stream) = 0;
  // Points in time on a stream.
  virtual void* create_event() = 0;
  virtual void destroy_event(void* event) noexcept = 0;
  virtual void record(void* event, void* stream) = 0;
  virtual double seconds_between(void* first, void* second) = 0;  // waits for the second
  virtual void fill(void* device, int byte, std::size_t bytes, void* stream) = 0;
  // Under Graph (graph.hpp): what is put on the stream between begin and end is recorded and does
  // not run.
  virtual void begin_capture(void* stream) = 0;
  virtual void* end_capture(void* stream) = 0;  // a graph, ready to be launched
  virtual void abandon_capture(void* stream) noexcept = 0;
  virtual void launch_graph(void* graph, void* stream) = 0;
  virtual void destroy_graph(void* graph) noexcept = 0;

 protected:
  explicit Device(DeviceInfo info) : info_(std::move(info)) {}

 private:
  virtual void* allocate_raw(std::size_t bytes) = 0;
  virtual void release_raw(void* memory) noexcept = 0;
  DeviceInfo info_;
  std::size_t held_ = 0, high_water_ = 0;
};

// InputError: there is no such device.
[[nodiscard]] std::shared_ptr<Device> open_cuda_device(int index);
// threads: OS threads that share the blocks of a launch.
[[nodiscard]] std::shared_ptr<Device> open_emulated_device(int threads = 1);

class Stream {
 public:
  explicit Stream(std::shared_ptr<Device> device, Use use = Use::alone)
      : device_(std::move(device)), handle_(device_->create_stream(use)), use_(use) {}
  ~Stream() {
    if (device_) device_->destroy_stream(handle_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Stream(Stream&& other) noexcept
      : device_(std::move(other.device_)),
        handle_(std::exchange(other.handle_, nullptr)),
        use_(other.use_),
        launches_(std::exchange(other.launches_, nullptr)) {}
  Stream& operator=(Stream&&) = delete;

  [[nodiscard]] void* handle() const { return handle_; }
  [[nodiscard]] Use use() const { return use_; }
  [[nodiscard]] Device& device() const { return *device_; }
  [[nodiscard]] const std::shared_ptr<Device>& shared_device() const { return device_; }
  void synchronise() const { device_->synchronise(handle_); }
  [[nodiscard]] bool is_done() const { return device_->is_done(handle_); }
  void wait_for(const Stream& other) const { device_->wait_for(handle_, other.handle_); }
  // Launches from now on are listed there; null: no longer. For benchmarks.
  void list_launches(std::vector<LaunchFacts>* list) { launches_ = list; }
  [[nodiscard]] std::vector<LaunchFacts>* launches() const { return launches_; }

 private:
  std::shared_ptr<Device> device_;
  void* handle_;
  Use use_;
  std::vector<LaunchFacts>* launches_ = nullptr;
};

// Seconds on the device between start() and stop(), both in the order of the stream.
class Timer {
 public:
  explicit Timer(const Stream& stream)
      : stream_(stream),
        first_(stream.device().create_event()),
        second_(stream.device().create_event()) {}
  ~Timer() {
    stream_.device().destroy_event(first_);
    stream_.device().destroy_event(second_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start() { stream_.device().record(first_, stream_.handle()); }
  void stop() { stream_.device().record(second_, stream_.handle()); }
  [[nodiscard]] double seconds() const { return stream_.device().seconds_between(first_, second_); }

 private:
  const Stream& stream_;
  void *first_, *second_;
};

// The emulated device's launches: a stream works when the host waits for it, or queries whether it
// is done.
void enqueue_emulated(Device& device, void* stream, std::function<void()> work);
inline void enqueue_emulated(const Stream& stream, std::function<void()> work) {
  enqueue_emulated(stream.device(), stream.handle(), std::move(work));
}

// n elements of device memory; contents undefined (poisoned on the emulated device).
template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<Device> device, std::size_t n) : device_(std::move(device)), size_(n) {
    if (n > 0) data_ = static_cast<T*>(device_->allocate(n * sizeof(T)));
  }
  ~Buffer() {
    if (data_ != nullptr) device_->release(data_, size_ * sizeof(T));
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& o) noexcept
      : device_(std::move(o.device_)),
        data_(std::exchange(o.data_, nullptr)),
        size_(std::exchange(o.size_, 0)) {}
  Buffer& operator=(Buffer&& o) noexcept {
    std::swap(device_, o.device_);
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  // The first values.size() elements; the span must stay until the stream is synchronised.
  void copy_in(std::span<const T> values, const Stream& stream) {
    FEDFUSE_CHECK(values.size() <= size_, "a copy to the device fits its buffer");
    if (!values.empty())
      device_->copy_in(data_, values.data(), values.size_bytes(), stream.handle());
  }
  void copy_out(std::span<T> values, const Stream& stream, std::size_t from = 0) const {
    FEDFUSE_CHECK(from + values.size() <= size_, "a copy from the device fits its buffer");
    if (!values.empty())
      device_->copy_out(values.data(), data_ + from, values.size_bytes(), stream.handle());
  }
  void fill_bytes(int byte, const Stream& stream) {
    if (size_ > 0) device_->fill(data_, byte, size_ * sizeof(T), stream.handle());
  }

 private:
  std::shared_ptr<Device> device_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// n elements of host memory that a device copies from and to at full speed, and asynchronously;
// contents undefined.
template <class T>
class Pinned {
 public:
  Pinned() = default;
  Pinned(std::shared_ptr<Device> device, std::size_t n) : device_(std::move(device)), size_(n) {
    if (n > 0) data_ = static_cast<T*>(device_->allocate_pinned(n * sizeof(T)));
  }
  ~Pinned() {
    if (data_ != nullptr) device_->release_pinned(data_);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  Pinned(Pinned&& o) noexcept
      : device_(std::move(o.device_)),
        data_(std::exchange(o.data_, nullptr)),
        size_(std::exchange(o.size_, 0)) {}
  Pinned& operator=(Pinned&& o) noexcept {
    std::swap(device_, o.device_);
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }
  [[nodiscard]] std::span<T> first(std::size_t n) const {
    FEDFUSE_CHECK(n <= size_, "a part of pinned memory lies inside it");
    return {data_, n};
  }
  [[nodiscard]] T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::shared_ptr<Device> device_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

// A buffer with the given values; returns after the copy.
template <class T>
[[nodiscard]] Buffer<T> to_device(const Stream& stream, std::span<const T> values) {
  Buffer<T> buffer(stream.shared_device(), values.size());
  buffer.copy_in(values, stream);
  stream.synchronise();
  return buffer;
}

// f(Cuda{}) or f(Emulated{}), as the device is.
template <class F>
decltype(auto) on_platform(const Device& device, F&& f) {
  if constexpr (built_with_cuda)
    if (!device.info().emulated) return f(Cuda{});
  return f(Emulated{});
}

}  // namespace fedfuse::gpu
