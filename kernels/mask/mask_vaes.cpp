// Four blocks a 512-bit vector, eight vectors at once: their rounds hide each other's latency. The
// 64 words of such a tile stay in registers while all masks are added, so memory is read and
// written once whatever the number of masks.
#ifdef __x86_64__
#include <immintrin.h>

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "kernels/mask/mask.hpp"

#define FEDFUSE_VAES __attribute__((target("aes,vaes,avx512f,avx512bw")))

namespace fedfuse::mask {
namespace {

constexpr int rounds = 10;
constexpr std::size_t vectors = 8;
constexpr std::size_t tile = 8 * vectors;  // words

// The form with a mask reads no undefined register, of which GCC 12 warns.
FEDFUSE_VAES __m512i four_times(__m128i block) {
  return _mm512_maskz_broadcast_i32x4(__mmask16(0xffff), block);
}

struct Expanded {
  __m128i keys[rounds + 1];  // a template drops the alignment of its argument
  bool minus;
};

template <int constant>
FEDFUSE_VAES __m128i next_key(__m128i key) {
  const __m128i rotated = _mm_shuffle_epi32(_mm_aeskeygenassist_si128(key, constant), 0xff);
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, rotated);
}

FEDFUSE_VAES Expanded expand(const Mask& mask) {
  Expanded e{};
  e.minus = mask.minus;
  auto& k = e.keys;
  k[0] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(mask.key.data()));
  k[1] = next_key<0x01>(k[0]);
  k[2] = next_key<0x02>(k[1]);
  k[3] = next_key<0x04>(k[2]);
  k[4] = next_key<0x08>(k[3]);
  k[5] = next_key<0x10>(k[4]);
  k[6] = next_key<0x20>(k[5]);
  k[7] = next_key<0x40>(k[6]);
  k[8] = next_key<0x80>(k[7]);
  k[9] = next_key<0x1b>(k[8]);
  k[10] = next_key<0x36>(k[9]);
  return e;
}

// Of each vector's blocks: 0 in the low half, the block's number with the highest byte first in the
// high half.
FEDFUSE_VAES void set_counters(std::uint64_t block, __m512i* counter) {
  const __m512i swap =
      four_times(_mm_set_epi8(8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  for (std::size_t v = 0; v < vectors; ++v) {
    const auto b = std::int64_t(block + 4 * v);
    const __m512i numbers = _mm512_set_epi64(b + 3, 0, b + 2, 0, b + 1, 0, b, 0);
    counter[v] = _mm512_maskz_shuffle_epi8(~__mmask64(0), numbers, swap);
  }
}

FEDFUSE_VAES void add_to_tile(std::span<const Expanded> masks, std::uint64_t first,
                              std::uint64_t* words) {
  __m512i counter[vectors], y[vectors], state[vectors];
  set_counters(first / 2, counter);
#pragma GCC unroll 8
  for (std::size_t v = 0; v < vectors; ++v) y[v] = _mm512_loadu_si512(words + 8 * v);
  for (const auto& mask : masks) {
    __m512i key = four_times(mask.keys[0]);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < vectors; ++v) state[v] = _mm512_xor_si512(counter[v], key);
#pragma GCC unroll 9
    for (std::size_t r = 1; r < rounds; ++r) {
      key = four_times(mask.keys[r]);
#pragma GCC unroll 8
      for (std::size_t v = 0; v < vectors; ++v) state[v] = _mm512_aesenc_epi128(state[v], key);
    }
    key = four_times(mask.keys[rounds]);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < vectors; ++v) {
      state[v] = _mm512_aesenclast_epi128(state[v], key);
      y[v] = mask.minus ? _mm512_sub_epi64(y[v], state[v]) : _mm512_add_epi64(y[v], state[v]);
    }
  }
#pragma GCC unroll 8
  for (std::size_t v = 0; v < vectors; ++v) _mm512_storeu_si512(words + 8 * v, y[v]);
}

}  // namespace

bool has_vaes() {
  return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("aes") != 0 &&
         __builtin_cpu_supports("vaes") != 0;
}

void run_vaes(const Problem& problem) {
  FEDFUSE_CHECK(problem.first % 2 == 0, "a window begins with a block");
  static thread_local std::vector<Expanded> expanded;
  expanded.clear();
  for (const auto& mask : problem.masks) expanded.push_back(expand(mask));
  std::size_t at = 0;
  for (; at + tile <= problem.words.size(); at += tile)
    add_to_tile(expanded, problem.first + at, problem.words.data() + at);
  if (at == problem.words.size()) return;
  std::array<std::uint64_t, tile> rest{};
  const auto left = problem.words.subspan(at);
  std::ranges::copy(left, rest.begin());
  add_to_tile(expanded, problem.first + at, rest.data());
  std::copy_n(rest.begin(), left.size(), left.begin());
}

}  // namespace fedfuse::mask
#endif
