#include <openssl/evp.h>

#include <algorithm>
#include <memory>

#include "core/error.hpp"
#include "secure/agreement.hpp"

namespace fedfuse {
namespace {

using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

PrivateKey private_key(const Secret& secret) {
  PrivateKey key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size()),
      EVP_PKEY_free);
  FEDFUSE_CHECK(key != nullptr, "OpenSSL takes a private key of X25519");
  return key;
}

}  // namespace

bool has_agreement() { return true; }

Secret public_key(const Secret& mine) {
  const auto key = private_key(mine);
  Secret found{};
  std::size_t size = found.size();
  FEDFUSE_CHECK(
      EVP_PKEY_get_raw_public_key(key.get(), found.data(), &size) == 1 && size == found.size(),
      "OpenSSL gives the public key of X25519");
  return found;
}

Secret agree(const Secret& mine, const Secret& their_public) {
  const auto key = private_key(mine);
  const PrivateKey theirs(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, their_public.data(),
                                                      their_public.size()),
                          EVP_PKEY_free);
  const Context context(EVP_PKEY_CTX_new(key.get(), nullptr), EVP_PKEY_CTX_free);
  Secret common{};
  std::size_t size = common.size();
  FEDFUSE_CHECK(
      theirs != nullptr && context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
          EVP_PKEY_derive_set_peer(context.get(), theirs.get()) == 1 &&
          EVP_PKEY_derive(context.get(), common.data(), &size) == 1 && size == common.size(),
      "OpenSSL agrees by X25519");
  return common;
}

mask::Key mask_key(const Secret& secret) {
  Secret hash{};
  unsigned size = 0;
  FEDFUSE_CHECK(
      EVP_Digest(secret.data(), secret.size(), hash.data(), &size, EVP_sha256(), nullptr) == 1 &&
          size == hash.size(),
      "OpenSSL hashes by SHA-256");
  mask::Key key{};
  std::copy_n(hash.begin(), key.size(), key.begin());
  return key;
}

}  // namespace fedfuse
