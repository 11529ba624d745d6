#pragma once
// The words of Rng's streams, many counters at once: one a lane of a vector. The same words as
// Rng::words, on any machine.
#include <array>
#include <cstdint>
#include <vector>

#include "core/rng.hpp"
#include "core/simd.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace fedfuse::rng_words {

#ifdef __AVX2__
constexpr int lanes = simd::widest_lanes;
using Lanes = std::uint32_t __attribute__((vector_size(4 * lanes)));
using Pairs = std::uint64_t __attribute__((vector_size(4 * lanes)));

// Of the lower half of every pair of lanes: 32 x 32 bits to 64.
inline Pairs product(Pairs x, std::uint64_t m) {
#ifdef __AVX512F__
  // not _mm512_mul_epu32: GCC 12 warns of its undefined lanes
  return Pairs(_mm512_maskz_mul_epu32(0xff, __m512i(x), _mm512_set1_epi64(long(m))));
#else
  return Pairs(_mm256_mul_epu32(__m256i(x), _mm256_set1_epi64x(long(m))));
#endif
}
struct Product {
  Lanes high, low;
};
inline Product multiply(Lanes x, std::uint64_t m) {
  const Pairs low = Pairs{} + 0xffffffffu, even = product(Pairs(x), m),
              odd = product(Pairs(x) >> 32, m);
  return {Lanes((even >> 32) | (odd & ~low)), Lanes((even & low) | (odd << 32))};
}
// Philox4x32-10 (Salmon et al. 2011), with Random123's constants.
inline void philox(const std::array<std::uint32_t, 2>& key, Lanes (&c)[4]) {
  std::uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const auto a = multiply(c[0], PHILOX_M4x32_0), b = multiply(c[2], PHILOX_M4x32_1);
    c[0] = b.high ^ c[1] ^ k0;
    c[1] = b.low;
    c[2] = a.high ^ c[3] ^ k1;
    c[3] = a.low;
    k0 += PHILOX_W32_0;
    k1 += PHILOX_W32_1;
  }
}

// `lanes` blocks that follow each other, from counter (stream, index) on; a stream has `blocks`.
class Blocks {
 public:
  Blocks(std::uint32_t who, std::uint32_t round, std::uint32_t first, int blocks)
      : who_(who), round_(round), first_(first), blocks_(blocks) {}
  void next(const Rng& rng, std::uint32_t* to) {
    Lanes c[4] = {Lanes{} + who_, Lanes{}, Lanes{} + round_, Lanes{}};
    for (int l = 0; l < lanes; ++l) {
      c[1][l] = stream_;
      c[3][l] = first_ + std::uint32_t(block_);
      if (++block_ == blocks_) {
        block_ = 0;
        ++stream_;
      }
    }
    philox(rng.key(), c);
    for (int l = 0; l < lanes; ++l)
      for (int w = 0; w < 4; ++w) to[4 * l + w] = c[w][l];
  }

 private:
  std::uint32_t who_, round_, first_, stream_ = 0;
  int blocks_, block_ = 0;
};
#endif

// words: blocks [first, first + blocks) of `streams` streams (who | s << 32, round), stream behind
// stream, four words a block. There is room for 64 words more.
inline void fill(const Rng& rng, std::uint32_t who, std::uint32_t round, int streams,
                 std::uint32_t first, int blocks, std::vector<std::uint32_t>& words) {
  words.resize(4 * std::size_t(streams) * std::size_t(blocks) + 64);
  std::uint32_t* to = words.data();
#ifdef __AVX2__
  Blocks many(who, round, first, blocks);
  for (int at = 0; at < streams * blocks; at += lanes) many.next(rng, to + 4L * at);
#else
  for (int s = 0; s < streams; ++s)
    for (int b = 0; b < blocks; ++b)
      for (const auto word :
           rng.words(who | std::uint64_t(s) << 32, round, first + std::uint32_t(b)))
        *to++ = word;
#endif
}

}  // namespace fedfuse::rng_words
