#pragma once
// Bytes that the arrays of core/matrix.hpp hold in this process: now, and at most. A fact of the
// process, as its resident set is; nothing that is computed depends on it.
#include <atomic>
#include <cstdint>

namespace fedfuse {

class ArrayBytes {
 public:
  static void add(std::int64_t bytes) noexcept {
    const auto now = now_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    auto most = most_.load(std::memory_order_relaxed);
    while (now > most && !most_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
    }
  }
  static void drop(std::int64_t bytes) noexcept {
    now_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  [[nodiscard]] static std::int64_t now() { return now_.load(std::memory_order_relaxed); }
  [[nodiscard]] static std::int64_t most() { return most_.load(std::memory_order_relaxed); }
  static void restart_most() { most_.store(now(), std::memory_order_relaxed); }

 private:
  static inline std::atomic<std::int64_t> now_{0}, most_{0};
};

}  // namespace fedfuse
