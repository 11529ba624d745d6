// Masks against the published blocks of AES-128, and every variant against the reference.
#include "kernels/mask/mask.hpp"

#include <gtest/gtest.h>

#include "kernels/mask/mask_case.hpp"

namespace fedfuse {
namespace {

using mask::Case;
using mask::Key;

// AES-128 of the counters 0 and 1: by the key of zeros (test case 2 of the GCM specification), and
// by the key 00 01 ... 0f of FIPS 197 (openssl enc -aes-128-ctr).
TEST(Mask, IsTheStreamOfAes128InCounterMode) {
  Key counting{};
  for (std::size_t k = 0; k < counting.size(); ++k) counting[k] = std::uint8_t(k);
  const std::vector<std::pair<Key, std::vector<std::uint64_t>>> known{
      {Key{}, {0x3b2c8aefd44be966, 0x2e2b34ca59fa4c88, 0x61307efacefce258, 0x5a45e7a4571d7f36}},
      {counting, {0x825b8f87373ba1c6, 0x79d8c8a162814f6f, 0x1eb4c09595134673, 0x0a2df465e3bd7b49}}};
  for (const auto& variant : mask::variants()) {
    if (!variant.runs_here()) continue;
    for (const auto& [key, stream] : known) {
      const mask::Mask one{key};
      std::vector<std::uint64_t> words(4);
      variant.run({{&one, 1}, 0, words});
      EXPECT_EQ(words, stream) << variant.name;
    }
  }
}

TEST(Mask, EveryVariantGivesTheBitsOfTheReference) {
  for (const std::int64_t masks : {0, 1, 2, 17})
    for (const std::int64_t words : {0, 1, 2, 63, 64, 65, 256, 1023, 2050})
      for (const std::uint64_t first : {0ul, 2ul, 1022ul, 0x1fffffffeul}) {
        Case want(masks, words, first);
        mask::reference(want.problem());
        for (const auto& variant : mask::variants()) {
          if (!variant.runs_here()) continue;
          Case got(masks, words, first);
          variant.run(got.problem());
          ASSERT_EQ(got.words, want.words)
              << variant.name << " " << masks << " masks, " << words << " words from " << first;
        }
      }
}

TEST(Mask, AWindowIsThePartOfTheWhole) {
  for (const auto& variant : mask::variants()) {
    if (!variant.runs_here()) continue;
    Case whole(3, 1000);
    auto part = whole;
    variant.run(whole.problem());
    part.first = 300;
    part.words.assign(part.words.begin() + 300, part.words.begin() + 417);
    variant.run(part.problem());
    EXPECT_TRUE(std::equal(part.words.begin(), part.words.end(), whole.words.begin() + 300))
        << variant.name;
  }
}

TEST(Mask, WhatIsAddedAndSubtractedIsGone) {
  Case there(5, 777, 10);
  const auto before = there.words;
  const auto run = mask::production().run;
  run(there.problem());
  EXPECT_NE(there.words, before);
  for (auto& one : there.masks) one.minus = !one.minus;
  run(there.problem());
  EXPECT_EQ(there.words, before);
}

TEST(Mask, AnOddWordIsNoBeginning) {
  Case input(1, 4, 1);
  for (const auto& variant : mask::variants()) {
    if (!variant.runs_here()) continue;
    EXPECT_ANY_THROW(variant.run(input.problem())) << variant.name;
  }
}

}  // namespace
}  // namespace fedfuse
