#pragma once
// The least id of a client that a round must refuse, whatever thread finds it first.
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

namespace fedfuse {

class LeastClient {
 public:
  // Thread-safe.
  void offer(std::int64_t id) {
    auto least = least_.load();
    while (id < least && !least_.compare_exchange_weak(least, id)) {
    }
  }
  // The least that was offered, if any.
  [[nodiscard]] std::optional<std::int64_t> id() const {
    const auto least = least_.load();
    if (least == none) return std::nullopt;
    return least;
  }

 private:
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> least_{none};
};

}  // namespace fedfuse
