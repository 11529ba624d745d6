#pragma once
// Device memory, listed once: a struct of buffers names each of them with its count in
//   template <class Each> void list(sizes..., Each&& each)    // each(buffer, count)
// The memory plan sums that list, and the constructor allocates it: they cannot differ.
#include <cstdint>
#include <memory>

#include "core/gpu/device.hpp"

namespace fedfuse {

struct ListedBytes {
  std::int64_t device = 0, pinned = 0;  // pinned: memory of the host
  template <class T>
  void operator()(const gpu::Buffer<T>&, std::int64_t count) {
    device += count * std::int64_t(sizeof(T));
  }
  template <class T>
  void operator()(const gpu::Pinned<T>&, std::int64_t count) {
    pinned += count * std::int64_t(sizeof(T));
  }
};

// Bytes of a struct of such sizes; allocates nothing.
template <class Buffers, class... Sizes>
[[nodiscard]] ListedBytes listed_bytes(const Sizes&... sizes) {
  ListedBytes bytes;
  Buffers().list(sizes..., bytes);
  return bytes;
}

template <class Buffers, class... Sizes>
void allocate_listed(Buffers& buffers, const std::shared_ptr<gpu::Device>& device,
                     const Sizes&... sizes) {
  buffers.list(sizes..., [&]<class Buffer>(Buffer& buffer, std::int64_t count) {
    buffer = Buffer(device, std::size_t(count));
  });
}

}  // namespace fedfuse
