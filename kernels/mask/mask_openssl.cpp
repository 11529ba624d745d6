// OpenSSL's AES-128 in counter mode. A stretch of words that stays in the nearest cache takes all
// masks before the next one.
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "core/error.hpp"
#include "kernels/mask/mask.hpp"

namespace fedfuse::mask {
namespace {

constexpr std::size_t stretch = 1024;  // words

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

// The counter of the block that holds this word, the highest byte first.
std::array<std::uint8_t, 16> counter_at(std::uint64_t word) {
  std::array<std::uint8_t, 16> counter{};
  for (std::size_t k = 0; k < 8; ++k) counter[15 - k] = std::uint8_t((word / 2) >> (8 * k));
  return counter;
}

}  // namespace

void run_openssl(const Problem& problem) {
  FEDFUSE_CHECK(problem.first % 2 == 0, "a window begins with a block");
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  FEDFUSE_CHECK(context != nullptr, "OpenSSL makes a cipher's context");
  static constexpr std::array<std::uint8_t, 8 * stretch> zeros{};
  std::array<std::uint64_t, stretch> stream{};
  for (std::size_t at = 0; at < problem.words.size(); at += stretch) {
    const auto words = problem.words.subspan(at, std::min(stretch, problem.words.size() - at));
    const auto counter = counter_at(problem.first + at);
    for (const auto& mask : problem.masks) {
      int bytes = 0;
      const bool went_well =
          EVP_EncryptInit_ex(context.get(), EVP_aes_128_ctr(), nullptr, mask.key.data(),
                             counter.data()) == 1 &&
          EVP_EncryptUpdate(context.get(), reinterpret_cast<std::uint8_t*>(stream.data()), &bytes,
                            zeros.data(), int(words.size_bytes())) == 1;
      FEDFUSE_CHECK(went_well && std::size_t(bytes) == words.size_bytes(),
                    "OpenSSL encrypts with AES-128-CTR");
      for (std::size_t w = 0; w < words.size(); ++w)
        words[w] += mask.minus ? 0 - stream[w] : stream[w];
    }
  }
}

}  // namespace fedfuse::mask
