#pragma once
// Seeded masks and words, shared by the kernel's test and its benchmark.
#include <cstdint>
#include <vector>

#include "kernels/mask/mask.hpp"

namespace fedfuse::mask {

struct Case {
  Case(std::int64_t masks, std::int64_t words, std::uint64_t first = 0);
  [[nodiscard]] Problem problem() { return {masks, first, words}; }

  std::vector<Mask> masks;  // every third is subtracted
  std::vector<std::uint64_t> words;
  std::uint64_t first;
};

}  // namespace fedfuse::mask
