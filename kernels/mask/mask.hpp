#pragma once
// A client hides its upload x behind masks that cancel in the sum over clients (models.md section
// 14; Bonawitz et al. 2017, ACM CCS), in the ring of 64-bit words:
//
//   y[w] = x[w] + sum_k s_k PRG(key_k)[first + w]   mod 2^64,   s_k = +1 or -1,   w = 0 ... n - 1
//
// PRG(key)[w]: bytes 8w to 8w + 7, the lowest first, of the stream of AES-128 in counter mode (NIST
// SP 800-38A) whose counter begins with 0. A word has a number, so a window of a long vector costs
// what it holds. A word of a mask takes half an AES block: five of its ten rounds.
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace fedfuse::mask {

using Key = std::array<std::uint8_t, 16>;

struct Mask {
  Key key{};
  bool minus = false;
};

struct Problem {
  std::span<const Mask> masks;
  std::uint64_t first = 0;         // of the words; even: a block holds two
  std::span<std::uint64_t> words;  // y, in place

  [[nodiscard]] double masked_bytes() const {
    return 8.0 * double(words.size()) * double(masks.size());
  }
  // the words in and out once
  [[nodiscard]] double bytes() const { return 16.0 * double(words.size()); }
};

// Ends the program by InternalError where first is odd.
using Function = void (*)(const Problem& problem);
struct Variant {
  std::string_view name, what;
  Function run;
  bool (*runs_here)();  // on this processor; it decides no bit
};
// The fastest first; the last runs everywhere.
[[nodiscard]] std::span<const Variant> variants();
// The first that runs here.
[[nodiscard]] const Variant& production();

void reference(const Problem& problem);  // mask_ref.cpp: FIPS 197, byte by byte
#ifdef FEDFUSE_HAVE_OPENSSL
void run_openssl(const Problem& problem);  // mask_openssl.cpp: its AES, then an addition
#endif
#ifdef __x86_64__
void run_vaes(const Problem& problem);  // mask_vaes.cpp: 512-bit vectors of four blocks each
[[nodiscard]] bool has_vaes();
#endif

}  // namespace fedfuse::mask
