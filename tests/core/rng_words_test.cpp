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

}  // namespace
}  // namespace fedfuse
