// A build without OpenSSL: --secure-sum is refused before any of this is called.
#include "core/error.hpp"
#include "secure/agreement.hpp"

namespace fedfuse {

bool has_agreement() { return false; }

Secret public_key(const Secret& /*mine*/) { throw InternalError("a build without OpenSSL"); }

Secret agree(const Secret& /*mine*/, const Secret& /*their_public*/) {
  throw InternalError("a build without OpenSSL");
}

mask::Key mask_key(const Secret& /*secret*/) { throw InternalError("a build without OpenSSL"); }

}  // namespace fedfuse
