#pragma once
// Two clients agree on a key over a channel that everybody reads: X25519 (RFC 7748), and SHA-256 of
// what it gives. By OpenSSL; a build without it has none of this.
#include "kernels/mask/mask.hpp"
#include "secure/shamir.hpp"

namespace fedfuse {

[[nodiscard]] bool has_agreement();  // of this build

// 32 bytes are a private key, whatever they are.
[[nodiscard]] Secret public_key(const Secret& mine);
// X25519(mine, theirs); InternalError of a public key of small order.
[[nodiscard]] Secret agree(const Secret& mine, const Secret& their_public);
// The first half of SHA-256 of a secret: a key of masks.
[[nodiscard]] mask::Key mask_key(const Secret& secret);

}  // namespace fedfuse
