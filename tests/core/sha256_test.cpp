// SHA-256 against the examples of FIPS 180-4 and of sha256sum.
#include "core/sha256.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace fedfuse {
namespace {

TEST(Sha256, gives_the_published_digests) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Also where the padding needs a block of its own, and whatever the pieces are.
TEST(Sha256, is_the_same_for_any_pieces) {
  for (std::size_t length = 50; length <= 130; ++length) {
    const std::string text(length, 'x');
    for (const std::size_t piece : {1, 7, 63, 64, 65}) {
      Sha256 hash;
      for (std::size_t at = 0; at < length; at += piece)
        hash.add(std::span<const char>(text).subspan(at, std::min(piece, length - at)));
      EXPECT_EQ(hex(hash.finish()), sha256_hex(text)) << length << " in " << piece;
    }
  }
}

}  // namespace
}  // namespace fedfuse
