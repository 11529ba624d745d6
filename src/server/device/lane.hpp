#pragma once
// One chunk of clients at work on a device: its stream, what the kernels read and write, and the
// host's side of the copies.
#include "core/gpu/device.hpp"
#include "data/dataset.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"
#include "model/spec.hpp"
#include "server/device/chunks.hpp"
#include "server/device/memory_plan.hpp"

namespace fedfuse {

// What pass 2 needs of a chunk. Rows: views x room x width; overlay: room x width.
struct DeviceUploads {
  gpu::Buffer<std::int32_t> items, slots;
  gpu::Buffer<float> rows, overlay;
  DeviceUploads() = default;
  DeviceUploads(const std::shared_ptr<gpu::Device>& device, const ModelSpec& spec,
                std::int64_t room, std::int64_t clients);
};

class Lane {
 public:
  // scratch_floats: of the launch that needs most (local_train's plans).
  Lane(const std::shared_ptr<gpu::Device>& device, const Config& config, const ModelSpec& spec,
       const Dataset& data, const MemoryPlan& plan, std::int64_t scratch_floats);

  // Which clients: `chunk` must stay until the lane is free again. Asynchronous.
  void take(const Chunk& chunk, const std::vector<std::int32_t>& clients, int threads);
  [[nodiscard]] const Chunk* chunk() const { return chunk_; }
  [[nodiscard]] std::size_t clients() const { return std::size_t(chunk_->clients()); }
  [[nodiscard]] std::int32_t client(std::size_t c) const { return local_host[c]; }
  void release() { chunk_ = nullptr; }
  // Puts the first clients() * stride values of a host array on the device, or brings them back.
  template <class T>
  void send(gpu::Buffer<T>& to, const gpu::Pinned<T>& from, std::size_t stride = 1) {
    to.copy_in(from.first(clients() * stride), stream);
  }
  template <class T>
  void fetch(const gpu::Buffer<T>& from, const gpu::Pinned<T>& to, std::size_t stride = 1) {
    if (stride > 0) from.copy_out(to.first(clients() * stride), stream);
  }
  // The chunk's uploads as kernels/aggregate reads them; table: null, or of each client.
  [[nodiscard]] aggregate::GpuUploads uploads(const DeviceUploads& kept, const ModelSpec& spec,
                                              std::int64_t items, const std::int32_t* table) const;

  gpu::Stream stream;
  // of each client; in
  // row, next_row: of the resident state
  gpu::Buffer<std::int32_t> order, local, row, next_row, group, table;
  gpu::Buffer<std::int64_t> begin, weight;
  gpu::Buffer<double> scale;
  gpu::Buffer<float> theta, user, router;  // of state that crosses
  // ... out
  gpu::Buffer<std::int32_t> samples, finite, misfit;
  gpu::Buffer<double> outcome;
  gpu::Buffer<float> theta_out, user_out, router_out, omega, rho;
  // at work
  gpu::Buffer<std::int32_t> drawn, entries, ids, owner, sort;
  gpu::Buffer<float> scratch;
  // the host's side
  gpu::Pinned<std::int32_t> local_host, row_host, next_row_host, group_host, table_host,
      samples_host, slots_host, finite_host, misfit_host, items_host;
  gpu::Pinned<std::int64_t> weight_host;
  gpu::Pinned<double> outcome_host, scale_host;
  gpu::Pinned<float> theta_host, user_host, router_host, omega_host, overlay_host;

 private:
  const Chunk* chunk_ = nullptr;
};

}  // namespace fedfuse
