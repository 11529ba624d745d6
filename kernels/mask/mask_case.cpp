#include "kernels/mask/mask_case.hpp"

#include "core/rng.hpp"

namespace fedfuse::mask {

Case::Case(std::int64_t count, std::int64_t n, std::uint64_t first_word)
    : masks(std::size_t(count)), words(std::size_t(n)), first(first_word) {
  const Rng rng(1, Purpose::test);
  for (std::size_t m = 0; m < masks.size(); ++m) {
    for (std::size_t k = 0; k < masks[m].key.size(); ++k)
      masks[m].key[k] = std::uint8_t(rng.bits(m, 0, std::uint32_t(k)));
    masks[m].minus = m % 3 == 2;
  }
  for (std::size_t w = 0; w < words.size(); ++w) words[w] = rng.bits(w, 1, 0);
}

}  // namespace fedfuse::mask
