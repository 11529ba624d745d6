// AES-128 as FIPS 197 writes it, and the counter mode of SP 800-38A.
#include "core/error.hpp"
#include "kernels/mask/mask.hpp"

namespace fedfuse::mask {
namespace {

using Byte = std::uint8_t;
using Block = std::array<Byte, 16>;  // the state, column by column
constexpr int rounds = 10;

// times x in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (section 4.2.1)
constexpr Byte doubled(Byte a) { return Byte((a << 1) ^ ((a & 0x80) != 0 ? 0x1b : 0)); }

constexpr Byte product(Byte a, Byte b) {
  Byte sum = 0;
  for (; b != 0; b = Byte(b >> 1)) {
    if ((b & 1) != 0) sum ^= a;
    a = doubled(a);
  }
  return sum;
}

// The inverse, a to the power of 254, then an affine map over GF(2) (section 5.1.1).
constexpr Byte substituted(Byte a) {
  Byte inverse = 1;
  for (int bit = 7; bit >= 0; --bit) {
    inverse = product(inverse, inverse);
    if (((254 >> bit) & 1) != 0) inverse = product(inverse, a);
  }
  Byte s = 0x63;
  for (int turn = 0; turn < 5; ++turn)
    s ^= Byte((unsigned(inverse) << turn) | (unsigned(inverse) >> (8 - turn)));
  return s;
}

constexpr auto box = [] {
  std::array<Byte, 256> values{};
  for (int a = 0; a < 256; ++a) values[std::size_t(a)] = substituted(Byte(a));
  return values;
}();

// KeyExpansion (section 5.2): eleven round keys of four columns.
std::array<Block, rounds + 1> expand(const Key& key) {
  std::array<Block, rounds + 1> keys{};
  keys[0] = key;
  Byte constant = 1;
  for (std::size_t r = 1; r < keys.size(); ++r) {
    const auto& last = keys[r - 1];
    auto& next = keys[r];
    for (std::size_t k = 0; k < 4; ++k) next[k] = Byte(last[k] ^ box[last[12 + (k + 1) % 4]]);
    next[0] ^= constant;
    constant = doubled(constant);
    for (std::size_t k = 4; k < 16; ++k) next[k] = Byte(last[k] ^ next[k - 4]);
  }
  return keys;
}

void add_key(Block& state, const Block& key) {
  for (std::size_t k = 0; k < state.size(); ++k) state[k] ^= key[k];
}

// SubBytes and ShiftRows: row k of the columns moves by k.
Block substituted_and_shifted(const Block& state) {
  Block next{};
  for (std::size_t column = 0; column < 4; ++column)
    for (std::size_t row = 0; row < 4; ++row)
      next[4 * column + row] = box[state[4 * ((column + row) % 4) + row]];
  return next;
}

void mix_columns(Block& state) {
  for (std::size_t column = 0; column < 4; ++column) {
    const Block s = state;
    const auto at = [&](std::size_t row) { return s[4 * column + row % 4]; };
    for (std::size_t row = 0; row < 4; ++row)
      state[4 * column + row] =
          Byte(doubled(at(row)) ^ product(at(row + 1), 3) ^ at(row + 2) ^ at(row + 3));
  }
}

Block encrypted(Block state, const std::array<Block, rounds + 1>& keys) {
  add_key(state, keys[0]);
  for (std::size_t r = 1; r <= rounds; ++r) {
    state = substituted_and_shifted(state);
    if (r < rounds) mix_columns(state);
    add_key(state, keys[r]);
  }
  return state;
}

std::uint64_t word_of(const Block& block, std::uint64_t half) {
  std::uint64_t word = 0;
  for (std::size_t k = 0; k < 8; ++k) word |= std::uint64_t(block[8 * half + k]) << (8 * k);
  return word;
}

}  // namespace

void reference(const Problem& problem) {
  FEDFUSE_CHECK(problem.first % 2 == 0, "a window begins with a block");
  for (const auto& mask : problem.masks) {
    const auto keys = expand(mask.key);
    Block stream{};
    for (std::size_t w = 0; w < problem.words.size(); ++w) {
      const std::uint64_t number = problem.first + w;
      if (number % 2 == 0) {
        Block counter{};
        for (std::size_t k = 0; k < 8; ++k) counter[15 - k] = Byte((number / 2) >> (8 * k));
        stream = encrypted(counter, keys);
      }
      const auto word = word_of(stream, number % 2);
      problem.words[w] += mask.minus ? 0 - word : word;
    }
  }
}

}  // namespace fedfuse::mask
