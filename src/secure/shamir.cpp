#include "secure/shamir.hpp"

#include <cstring>

#include "core/error.hpp"

namespace fedfuse {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t prime = (std::uint64_t(1) << 61) - 1;
constexpr std::size_t bytes_of_a_number = 7;  // 56 bits, below the prime

std::uint64_t reduced(Wide x) {
  auto r = std::uint64_t(x & prime) + std::uint64_t(x >> 61);
  r = (r & prime) + (r >> 61);
  return r >= prime ? r - prime : r;
}
std::uint64_t times(std::uint64_t a, std::uint64_t b) { return reduced(Wide(a) * b); }

std::uint64_t power(std::uint64_t a, std::uint64_t e) {
  std::uint64_t r = 1;
  for (; e != 0; e >>= 1) {
    if ((e & 1) != 0) r = times(r, a);
    a = times(a, a);
  }
  return r;
}

Share numbers_of(const Secret& secret) {
  std::array<std::uint8_t, bytes_of_a_number * 5> bytes{};
  std::memcpy(bytes.data(), secret.data(), secret.size());
  Share numbers{};
  for (std::size_t l = 0; l < numbers.size(); ++l)
    for (std::size_t k = 0; k < bytes_of_a_number; ++k)
      numbers[l] |= std::uint64_t(bytes[bytes_of_a_number * l + k]) << (8 * k);
  return numbers;
}

Secret secret_of(const Share& numbers) {
  Secret secret{};
  for (std::size_t at = 0; at < secret.size(); ++at)
    secret[at] = std::uint8_t(numbers[at / bytes_of_a_number] >> (8 * (at % bytes_of_a_number)));
  return secret;
}

}  // namespace

std::vector<Share> split(const Secret& secret, int t, int shares, const Rng& rng, std::uint64_t who,
                         std::uint32_t round) {
  FEDFUSE_CHECK(t >= 1 && t <= shares, "as many shares give a secret back as there are at most");
  std::vector<Share> coefficient(std::size_t(t), numbers_of(secret));
  for (std::size_t j = 1; j < coefficient.size(); ++j)
    for (std::size_t l = 0; l < coefficient[j].size(); ++l)
      coefficient[j][l] = reduced(rng.bits(who, round, std::uint32_t(8 * j + l)));
  std::vector<Share> values(std::size_t(shares), Share{});
  for (std::size_t x = 1; x <= values.size(); ++x) {
    auto& value = values[x - 1];
    for (std::size_t j = coefficient.size(); j-- > 0;)
      for (std::size_t l = 0; l < value.size(); ++l)
        value[l] = reduced(Wide(value[l]) * x + coefficient[j][l]);
  }
  return values;
}

Secret join(std::span<const int> numbers, std::span<const Share> shares) {
  FEDFUSE_CHECK(numbers.size() == shares.size() && !shares.empty(), "a number for each share");
  Share at_zero{};
  for (std::size_t i = 0; i < shares.size(); ++i) {
    // Lagrange's weight at 0: the product of x_j / (x_j - x_i)
    std::uint64_t above = 1, below = 1;
    for (std::size_t j = 0; j < shares.size(); ++j) {
      if (j == i) continue;
      above = times(above, std::uint64_t(numbers[j]));
      below = times(below,
                    reduced(Wide(std::uint64_t(numbers[j])) + prime - std::uint64_t(numbers[i])));
    }
    const auto weight = times(above, power(below, prime - 2));
    for (std::size_t l = 0; l < at_zero.size(); ++l)
      at_zero[l] = reduced(Wide(at_zero[l]) + times(weight, shares[i][l]));
  }
  return secret_of(at_zero);
}

}  // namespace fedfuse
