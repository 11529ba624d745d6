#pragma once
// The asynchronous copies (cp.async) of one emulated thread, as late as CUDA allows: a copy happens
// when the thread waits for its group, and what it will overwrite is poisoned until then.
#include <cstddef>
#include <cstring>
#include <vector>

namespace fedfuse::simt {

class LateCopies {
 public:
  static constexpr std::size_t bytes = 16;  // of a copy

  void issue(void* to, const void* from) {  // null: zeros
    std::memset(to, 0xFF, bytes);
    copies_.push_back({to, from});
  }
  void end_group() { ends_.push_back(copies_.size()); }
  // All but the last `pending` groups are done.
  void wait(std::size_t pending) {
    if (ends_.size() <= pending) return;
    const auto groups = ends_.size() - pending, end = ends_[groups - 1];
    for (std::size_t k = 0; k < end; ++k) {
      const auto& copy = copies_[k];
      if (copy.from == nullptr)
        std::memset(copy.to, 0, bytes);
      else
        std::memcpy(copy.to, copy.from, bytes);
    }
    copies_.erase(copies_.begin(), copies_.begin() + std::ptrdiff_t(end));
    ends_.erase(ends_.begin(), ends_.begin() + std::ptrdiff_t(groups));
    for (auto& e : ends_) e -= end;
  }

 private:
  struct Copy {
    void* to;
    const void* from;
  };
  std::vector<Copy> copies_;       // issued, not done
  std::vector<std::size_t> ends_;  // of each ended group, in copies_
};

}  // namespace fedfuse::simt
