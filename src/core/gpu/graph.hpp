#pragma once
// Work of a stream that is recorded once and launched many times: one call to the driver for
// hundreds of small kernels, and no gap between them. Arguments and addresses are those of the
// recording; what changes from launch to launch must come from device memory.
#include <memory>
#include <utility>

#include "core/gpu/device.hpp"

namespace fedfuse::gpu {

class Graph {
 public:
  // record() puts the work on the stream; nothing of it runs. While it records, this thread may
  // neither wait for the stream, nor make it wait for another, nor allocate, nor copy from host
  // memory that is not pinned: InternalError. An exception out of record() leaves the stream as it
  // was.
  template <class Record>
  Graph(const Stream& stream, Record&& record) : device_(stream.shared_device()) {
    device_->begin_capture(stream.handle());
    try {
      std::forward<Record>(record)();
    } catch (...) {
      device_->abandon_capture(stream.handle());
      throw;
    }
    handle_ = device_->end_capture(stream.handle());
  }
  ~Graph() {
    if (handle_ != nullptr) device_->destroy_graph(handle_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  Graph(Graph&& o) noexcept
      : device_(std::move(o.device_)), handle_(std::exchange(o.handle_, nullptr)) {}
  Graph& operator=(Graph&& o) noexcept {
    std::swap(device_, o.device_);
    std::swap(handle_, o.handle_);
    return *this;
  }

  // Asynchronous, in the order of that stream (any of the device).
  void launch(const Stream& stream) const { device_->launch_graph(handle_, stream.handle()); }

 private:
  std::shared_ptr<Device> device_;
  void* handle_ = nullptr;
};

}  // namespace fedfuse::gpu
