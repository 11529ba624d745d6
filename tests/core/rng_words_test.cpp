// core/rng_words: the words of Rng, whatever the number of streams and blocks.
#include "core/rng_words.hpp"

#include <gtest/gtest.h>

namespace fedfuse {
namespace {

TEST(RngWords, AreThoseOfTheStreams) {
  const Rng rng(0x123456789abcdefull, Purpose::test);
  std::vector<std::uint32_t> words;
  for (const int streams : {1, 2, 5})
    for (const int blocks : {1, 3, 16, 21})
      for (const std::uint32_t first : {0u, 7u}) {
        rng_words::fill(rng, 4000000000u, 77, streams, first, blocks, words);
        const auto* word = words.data();
        for (int s = 0; s < streams; ++s)
          for (int b = 0; b < blocks; ++b)
            for (const auto want :
                 rng.words(4000000000u | std::uint64_t(s) << 32, 77, first + std::uint32_t(b)))
              ASSERT_EQ(want, *word++) << streams << " " << blocks << " " << s << " " << b;
      }
}

TEST(RngWords, AreScaledAsTheStreamsAre) {
  const Rng rng(3, Purpose::test);
  std::vector<std::uint32_t> words;
  rng_words::fill(rng, 1, 2, 1, 0, 30, words);
  std::vector<std::int32_t> scaled(words.size());
  for (const std::size_t n : {1, 16, 85, 120})
    for (const std::uint32_t fewer : {0u, 1u})
      for (const std::uint32_t bound : {120u, 3000u, 0xffffffffu}) {
        rng_words::below(words.data(), n, bound, fewer, scaled.data());
        for (std::size_t k = 0; k < n; ++k)
          ASSERT_EQ(std::uint32_t(scaled[k]),
                    Rng::below(words[k], bound - fewer * std::uint32_t(k)))
              << n << " " << bound << " " << k;
      }
}

}  // namespace
}  // namespace fedfuse
