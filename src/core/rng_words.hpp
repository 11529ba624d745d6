#pragma once
// The words of Rng's streams, many counters at once: one a lane of a vector. The same words as
// Rng::words, on any machine.
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>
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
inline Pairs product(Pairs x, Pairs m) {
#ifdef __AVX512F__
  // not _mm512_mul_epu32: GCC 12 warns of its undefined lanes
  return Pairs(_mm512_maskz_mul_epu32(0xff, __m512i(x), __m512i(m)));
#else
  return Pairs(_mm256_mul_epu32(__m256i(x), __m256i(m)));
#endif
}
struct Product {
  Lanes high, low;
};
inline Product multiply(Lanes x, Lanes m) {
  const Pairs low = Pairs{} + 0xffffffffu, even = product(Pairs(x), Pairs(m)),
              odd = product(Pairs(x) >> 32, Pairs(m) >> 32);
  return {Lanes((even >> 32) | (odd & ~low)), Lanes((even & low) | (odd << 32))};
}
// Philox4x32-10 (Salmon et al. 2011), with Random123's constants.
inline void philox(const std::array<std::uint32_t, 2>& key, Lanes (&c)[4]) {
  std::uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const auto a = multiply(c[0], Lanes{} + PHILOX_M4x32_0),
               b = multiply(c[2], Lanes{} + PHILOX_M4x32_1);
    c[0] = b.high ^ c[1] ^ k0;
    c[1] = b.low;
    c[2] = a.high ^ c[3] ^ k1;
    c[3] = a.low;
    k0 += PHILOX_W32_0;
    k1 += PHILOX_W32_1;
  }
}

// In 128 bits of a and b each: the lower two words of both in turn, or the upper two; then pairs of
// words likewise.
template <int high, int... lane>
inline Lanes words_in_turn(Lanes a, Lanes b, std::integer_sequence<int, lane...>) {
  return __builtin_shufflevector(a, b,
                                 lane / 4 * 4 + high * 2 + lane % 4 / 2 + lane % 2 * lanes...);
}
template <int high, int... lane>
inline Lanes pairs_in_turn(Lanes a, Lanes b, std::integer_sequence<int, lane...>) {
  return __builtin_shufflevector(a, b,
                                 lane / 4 * 4 + high * 2 + lane % 2 + lane % 4 / 2 * lanes...);
}
// Word w of block l, c[w][l], to to[4 l + w].
inline void store_blocks(const Lanes (&c)[4], std::uint32_t* to) {
  constexpr std::make_integer_sequence<int, lanes> all{};
  const Lanes a = words_in_turn<0>(c[0], c[1], all), b = words_in_turn<1>(c[0], c[1], all),
              d = words_in_turn<0>(c[2], c[3], all), e = words_in_turn<1>(c[2], c[3], all);
  // of each, 128 bits are a block: j, j + 4, ..
  const Lanes blocks[4] = {pairs_in_turn<0>(a, d, all), pairs_in_turn<1>(a, d, all),
                           pairs_in_turn<0>(b, e, all), pairs_in_turn<1>(b, e, all)};
  for (int l = 0; l < lanes; ++l)
    std::memcpy(to + 4L * l, reinterpret_cast<const char*>(&blocks[l % 4]) + l / 4 * 16, 16);
}

// `lanes` blocks that follow each other, from counter (stream, index) on; a stream has `blocks`.
class Blocks {
 public:
  Blocks(std::uint32_t who, std::uint32_t round, std::uint32_t first, int blocks)
      : who_(who), round_(round), first_(first), blocks_(std::uint32_t(blocks)) {
    for (int l = 0; l < lanes; ++l) position_[l] = std::uint32_t(l);
  }
  void next(const Rng& rng, std::uint32_t* to) {
    Lanes c[4] = {Lanes{} + who_, Lanes{} + stream_, Lanes{} + round_, position_ + block_};
    for (std::uint32_t next = 0; next < std::uint32_t(lanes); next += blocks_) {
      const auto over = Lanes(c[3] >= blocks_);  // all bits, or none
      c[1] -= over;
      c[3] -= over & blocks_;
    }
    c[3] += first_;
    philox(rng.key(), c);
    store_blocks(c, to);
    for (block_ += lanes; block_ >= blocks_; block_ -= blocks_) ++stream_;
  }

 private:
  std::uint32_t who_, round_, first_, blocks_, stream_ = 0, block_ = 0;
  Lanes position_{};  // of a lane
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

// to[k] = Rng::below(words[k], bound - fewer k), k < n. Both have room for whole vectors.
inline void below(const std::uint32_t* words, std::size_t n, std::uint32_t bound,
                  std::uint32_t fewer, std::int32_t* to) {
#ifdef __AVX2__
  Lanes bounds;
  for (int l = 0; l < lanes; ++l) bounds[l] = bound - fewer * std::uint32_t(l);
  for (std::size_t k = 0; k < n; k += lanes) {
    Lanes x;
    std::memcpy(&x, words + k, sizeof x);
    const Lanes high = multiply(x, bounds).high;
    std::memcpy(to + k, &high, sizeof high);
    bounds -= fewer * lanes;
  }
#else
  for (std::size_t k = 0; k < n; ++k)
    to[k] = std::int32_t(Rng::below(words[k], bound - fewer * std::uint32_t(k)));
#endif
}

}  // namespace fedfuse::rng_words
