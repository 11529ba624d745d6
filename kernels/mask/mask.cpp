#include "kernels/mask/mask.hpp"

#include <algorithm>

namespace fedfuse::mask {
namespace {

constexpr auto everywhere = [] { return true; };

constexpr Variant table[] = {
#ifdef __x86_64__
    {"vaes", "AES in 512-bit vectors; a tile of words stays in registers for all masks", run_vaes,
     has_vaes},
#endif
#ifdef FEDFUSE_HAVE_OPENSSL
    {"openssl", "OpenSSL's AES-128-CTR into a buffer, which is added", run_openssl, everywhere},
#endif
    {"reference", "FIPS 197, byte by byte", reference, everywhere},
};

}  // namespace

std::span<const Variant> variants() { return table; }

const Variant& production() {
  return *std::ranges::find_if(table, [](const Variant& one) { return one.runs_here(); });
}

}  // namespace fedfuse::mask
