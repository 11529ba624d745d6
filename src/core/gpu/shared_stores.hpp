#pragma once
// Which lanes see a store to shared memory. CUDA promises that the others do after __syncwarp or a
// barrier; a shuffle or a ballot exchanges values and orders nothing. What a lane stored is taken
// out of the memory when it waits in a collective, and put back when it goes on, until it reaches a
// fence. What is hidden are the bytes that differ from the last state that all lanes see; a store
// of the value that stands there already needs no fence here.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

namespace fedfuse::simt {

// Of one lane, since its last fence.
class OwnStores {
  friend class SharedStores;
  struct Byte {
    std::uint32_t at;
    std::byte value;
  };
  std::vector<Byte> bytes_;
};

class SharedStores {
 public:
  // memory: as all lanes see it. Copies it.
  void start(std::byte* memory, std::size_t bytes) {
    memory_ = memory;
    seen_.assign(memory, memory + bytes);
  }
  // of the lane that runs, before another one does
  void hide(OwnStores& own) {
    own.bytes_.clear();
    for_pieces([&](std::size_t first, std::size_t n) {
      for (auto at = first; at < first + n; ++at)
        if (memory_[at] != seen_[at]) own.bytes_.push_back({std::uint32_t(at), memory_[at]});
      std::memcpy(memory_ + first, seen_.data() + first, n);
    });
  }
  // of the lane that goes on
  void show(const OwnStores& own) {
    for (const auto& byte : own.bytes_) memory_[byte.at] = byte.value;
  }
  // A fence of the lane that runs: all see what it stored.
  void publish() {
    for_pieces([&](std::size_t first, std::size_t n) {
      std::memcpy(seen_.data() + first, memory_ + first, n);
    });
  }
  // An atomic of the lane that runs: at once.
  void publish(const void* from, std::size_t bytes) {
    const auto* const first = static_cast<const std::byte*>(from);
    // std::less: pointers into other arrays are in order too
    if (std::less()(first, memory_) || !std::less()(first, memory_ + seen_.size())) return;
    std::memcpy(seen_.data() + (first - memory_), first, bytes);
  }

 private:
  // work(first, n) for pieces that differ
  template <class Work>
  void for_pieces(const Work& work) {
    constexpr std::size_t large = 4096, small = 64;
    for (std::size_t first = 0; first < seen_.size(); first += large) {
      const auto end = std::min(first + large, seen_.size());
      if (same(first, end - first)) continue;
      for (auto at = first; at < end; at += small)
        if (const auto n = std::min(small, end - at); !same(at, n)) work(at, n);
    }
  }
  [[nodiscard]] bool same(std::size_t at, std::size_t n) const {
    return std::memcmp(memory_ + at, seen_.data() + at, n) == 0;
  }
  std::byte* memory_ = nullptr;
  std::vector<std::byte> seen_;  // by all lanes
};

}  // namespace fedfuse::simt
