// Agreements against the published example, and that both sides get the same key.
#include "secure/agreement.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace fedfuse {
namespace {

Secret hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Secret bytes{};
  for (std::size_t k = 0; k < bytes.size(); ++k)
    bytes[k] = std::uint8_t(16 * digit(text[2 * k]) + digit(text[2 * k + 1]));
  return bytes;
}

// RFC 7748, section 6.1.
TEST(Agreement, IsX25519) {
  if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  const auto alice_public = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
             bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
             bob_public = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
             common = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  EXPECT_EQ(public_key(bob), bob_public);
  EXPECT_EQ(agree(bob, alice_public), common);
}

TEST(Agreement, BothSidesHaveTheSameKeyAndOthersAnother) {
  if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  Secret a{}, b{}, c{};
  a.fill(1);
  b.fill(2);
  c.fill(3);
  const auto ab = mask_key(agree(a, public_key(b)));
  EXPECT_EQ(ab, mask_key(agree(b, public_key(a))));
  EXPECT_NE(ab, mask_key(agree(a, public_key(c))));
  EXPECT_ANY_THROW((void)agree(a, Secret{}));  // of small order
}

// SHA-256 of 32 bytes of 0 begins so.
TEST(Agreement, AMaskKeyIsHalfAHash) {
  if (!has_agreement()) GTEST_SKIP() << "skipped: a build without OpenSSL";
  const auto key = mask_key(Secret{});
  const mask::Key want{0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77,
                       0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20};
  EXPECT_EQ(key, want);
}

}  // namespace
}  // namespace fedfuse
