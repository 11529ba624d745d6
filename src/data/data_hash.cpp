#include "data/data_hash.hpp"

#include <omp.h>

#include <bit>
#include <mutex>
#include <string_view>

#include "core/parallel.hpp"
#include "core/sha256.hpp"

namespace fedfuse {
namespace {

static_assert(std::endian::native == std::endian::little, "the records are little-endian bytes");

// A sum of digests modulo 2^256: eight limbs of 32 bits, the lowest first.
class DigestSum {
 public:
  void add(const Digest& digest) {
    for (std::size_t k = 0; k < digest.size(); ++k)
      limbs_[k / 4] += std::int64_t(digest[k]) << (8 * (k % 4));
  }
  void add(const DigestSum& other) {
    for (std::size_t k = 0; k < limbs_.size(); ++k) limbs_[k] += other.limbs_[k];
  }
  // What exceeds a limb goes to the next one. Without it, 2^31 digests may be added.
  void carry() {
    std::int64_t over = 0;
    for (auto& limb : limbs_) {
      limb += over;
      over = limb >> 32;
      limb &= 0xffffffff;
    }
  }
  void sum_over_ranks(const Comm& comm) {
    carry();
    comm.sum(std::span<std::int64_t>(limbs_));
    carry();
  }
  [[nodiscard]] std::array<std::uint32_t, 8> words() const {
    std::array<std::uint32_t, 8> words;
    for (std::size_t k = 0; k < words.size(); ++k) words[k] = std::uint32_t(limbs_[k]);
    return words;
  }

 private:
  std::array<std::int64_t, 8> limbs_{};
};

Digest client_digest(const Dataset& data, std::int64_t local) {
  const auto u = std::size_t(local);
  const auto items = data.positives(local);
  Sha256 hash;
  hash.add('c');
  hash.add(data.client_ids[u]);
  hash.add(data.valid[u]);
  hash.add(data.test[u]);
  hash.add(data.label[u]);
  hash.add(std::int64_t(items.size()));
  hash.add(items);
  return hash.finish();
}

Digest item_digest(const Dataset& data, std::int64_t item) {
  const auto row = [&](const Matrix<float>& m) {
    return std::span<const float>(m.values.data() + item * m.cols, std::size_t(m.cols));
  };
  Sha256 hash;
  hash.add('i');
  hash.add(std::int32_t(item));
  hash.add(data.has_text[std::size_t(item)]);
  hash.add(data.has_image[std::size_t(item)]);
  hash.add(row(data.text));
  hash.add(row(data.image));
  return hash.finish();
}

// Of digest_of(i) for i in [first, first + count), on all threads.
template <class DigestOf>
DigestSum sum_of(std::int64_t first, std::int64_t count, DigestOf&& digest_of) {
  DigestSum sum;
  std::mutex mutex;
  for_each_block(count, omp_get_max_threads(), [&](std::int64_t begin, std::int64_t end) {
    DigestSum mine;
    for (auto i = begin; i < end; ++i) mine.add(digest_of(first + i));
    mine.carry();
    const std::lock_guard lock(mutex);
    sum.add(mine);
  });
  return sum;
}

}  // namespace

std::string data_hash(const Dataset& data, const Comm& comm) {
  const BlockSplit split{data.items, comm.size()};
  auto sum =
      sum_of(0, data.local_clients(), [&](std::int64_t u) { return client_digest(data, u); });
  sum.add(sum_of(split.first(comm.rank()), split.count(comm.rank()),
                 [&](std::int64_t i) { return item_digest(data, i); }));
  sum.sum_over_ranks(comm);
  Sha256 hash;
  hash.add(std::span<const char>(std::string_view("fedfuse data 1\n")));
  for (const auto count : {data.clients, data.items, data.text.cols, data.image.cols})
    hash.add(std::int64_t(count));
  const auto words = sum.words();
  hash.add(std::span<const std::uint32_t>(words));
  return hex(hash.finish());
}

}  // namespace fedfuse
