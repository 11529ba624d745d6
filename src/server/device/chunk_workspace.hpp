#pragma once
// One chunk of clients at work on a device: its stream, what the kernels read and write, and the
// host's side of the copies.
#include <memory>
#include <vector>

#include "core/gpu/device.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"
#include "model/spec.hpp"
#include "server/device/chunk_buffers.hpp"
#include "server/device/chunks.hpp"

namespace fedfuse {

class ChunkWorkspace : public ChunkBuffers {
 public:
  ChunkWorkspace(const std::shared_ptr<gpu::Device>& device, const ChunkSizes& sizes);

  // Which clients: `chunk` must stay until release(). Asynchronous.
  void take(const Chunk& chunk, const std::vector<std::int32_t>& clients, int threads);
  // null: the workspace is free
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
  [[nodiscard]] aggregate::GpuUploads uploads(const UploadBuffers& kept, const ModelSpec& spec,
                                              std::int64_t items, const std::int32_t* table) const;

  gpu::Stream stream;

 private:
  const Chunk* chunk_ = nullptr;
};

// Of a chunk of so many samples and clients. Its overlay is 0: the whole overlay goes to the host,
// and training writes the client's slots only.
[[nodiscard]] UploadBuffers make_upload_buffers(const std::shared_ptr<gpu::Device>& device,
                                                const ModelSpec& spec, std::int64_t samples,
                                                std::int64_t clients);

}  // namespace fedfuse
