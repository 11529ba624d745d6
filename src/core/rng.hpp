#pragma once
// Counter-based random numbers (models.md section 6): Philox4x32-10 of Random123. A number is a
// pure function of (seed, purpose; who, round, index): no generator state exists, so ranks,
// threads, devices, restarts and the order of clients do not change it.
#include <Random123/philox.h>

#include <array>
#include <cmath>
#include <cstdint>

// In a CUDA source Random123's functions are the device's, and so are ours that call them.
#ifdef __CUDACC__
#define FEDFUSE_RNG __device__
#else
#define FEDFUSE_RNG
#endif

namespace fedfuse {

// Half of the key. The values are part of the result: append, never renumber.
enum class Purpose : std::uint32_t {
  participants = 1,
  negatives = 2,
  shuffle = 3,
  item_table = 4,
  head = 5,
  user_vector = 6,
  router = 7,
  personal_rows = 8,
  teacher_weights = 9,
  teacher_batches = 10,
  views_weights = 11,
  grouping = 12,
  evaluation = 13,
  generate_clients = 14,
  generate_items = 15,
  landmarks = 16,
  prior_weights = 17,
  prior_ids = 18,
  prior_start = 19,
  closed_teacher = 20,
  noise_sum = 21,
  noise_upload = 22,
  upload_padding = 23,
  probe = 24,
  attackers = 25,
  attack = 26,
  availability = 27,
  client_device = 28,
  dropout = 29,
  secure_ring = 30,
  secure_keys = 31,
  secure_pairs = 32,
  secure_shares = 33,
  secure_sample = 34,
  secure_window = 35,
  lose_features = 36,
  feature_noise = 37,
  test = 99,
};

class Rng {
 public:
  Rng(std::uint64_t seed, Purpose purpose)
      : key_{{std::uint32_t(seed) ^ (std::uint32_t(purpose) * 0x9E3779B9u),
              std::uint32_t(seed >> 32) ^ std::uint32_t(purpose)}} {}

  // Four 32-bit words for counter (who, round, index); who may exceed 32 bits.
  [[nodiscard]] FEDFUSE_RNG std::array<std::uint32_t, 4> words(std::uint64_t who,
                                                               std::uint32_t round,
                                                               std::uint32_t index) const {
    const auto r =
        r123::Philox4x32()({{std::uint32_t(who), std::uint32_t(who >> 32), round, index}}, key_);
    return {r[0], r[1], r[2], r[3]};
  }
  [[nodiscard]] FEDFUSE_RNG std::uint64_t bits(std::uint64_t who, std::uint32_t round,
                                               std::uint32_t index) const {
    const auto w = words(who, round, index);
    return std::uint64_t(w[0]) << 32 | w[1];
  }
  // Uniform in (0, 1), 53 bits.
  [[nodiscard]] FEDFUSE_RNG double uniform(std::uint64_t who, std::uint32_t round,
                                           std::uint32_t index) const {
    return to_unit(bits(who, round, index));
  }
  // Standard normal (Box-Muller on one counter).
  [[nodiscard]] FEDFUSE_RNG double normal(std::uint64_t who, std::uint32_t round,
                                          std::uint32_t index) const {
    const auto w = words(who, round, index);
    const double u = to_unit(std::uint64_t(w[0]) << 32 | w[1]),
                 v = to_unit(std::uint64_t(w[2]) << 32 | w[3]);
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }
  [[nodiscard]] FEDFUSE_RNG std::array<std::uint32_t, 2> key() const { return {key_[0], key_[1]}; }
  // Both of the pair, for sums whose noise takes one number after the other.
  [[nodiscard]] FEDFUSE_RNG std::array<double, 2> normals(std::uint64_t who, std::uint32_t round,
                                                          std::uint32_t index) const {
    const auto w = words(who, round, index);
    const double u = to_unit(std::uint64_t(w[0]) << 32 | w[1]),
                 v = 6.283185307179586 * to_unit(std::uint64_t(w[2]) << 32 | w[3]);
    const double radius = std::sqrt(-2.0 * std::log(u));
    return {radius * std::cos(v), radius * std::sin(v)};
  }
  // word scaled to [0, n): multiply-high; bias below n / 2^32, the same on any device.
  FEDFUSE_RNG static std::uint32_t below(std::uint32_t word, std::uint32_t n) {
    return std::uint32_t(std::uint64_t(word) * n >> 32);
  }

 private:
  FEDFUSE_RNG static double to_unit(std::uint64_t b) { return (double(b >> 11) + 0.5) * 0x1p-53; }
  r123::Philox4x32::key_type key_;
};

// Serves the words of consecutive counters one by one: (who, round, 0), (who, round, 1), ...
class RngStream {
 public:
  RngStream(const Rng& rng, std::uint64_t who, std::uint32_t round)
      : rng_(rng), who_(who), round_(round) {}
  FEDFUSE_RNG std::uint32_t next() {
    if (used_ == 4) {
      block_ = rng_.words(who_, round_, index_++);
      used_ = 0;
    }
    return block_[used_++];
  }
  FEDFUSE_RNG std::uint32_t below(std::uint32_t n) { return Rng::below(next(), n); }
  FEDFUSE_RNG double uniform() {
    const std::uint64_t high = next();
    return (double((high << 32 | next()) >> 11) + 0.5) * 0x1p-53;
  }

 private:
  const Rng& rng_;
  std::uint64_t who_;
  std::uint32_t round_, index_ = 0;
  unsigned used_ = 4;
  std::array<std::uint32_t, 4> block_{};
};

}  // namespace fedfuse
