#include "server/grouping/sample.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/rng.hpp"

namespace fedfuse::grouping {
namespace {

struct Key {
  std::uint64_t draw = 0;
  std::int64_t id = 0;
  auto operator<=>(const Key&) const = default;
};

}  // namespace

std::vector<std::int32_t> choose_sample(std::span<const std::int32_t> ids, std::int64_t total,
                                        std::int64_t limit, std::uint64_t seed, const Comm& comm) {
  std::vector<std::int32_t> sample;
  if (total <= limit) {
    sample = comm.all_gather(ids);
  } else {
    const Rng rng(seed, Purpose::landmarks);
    std::vector<Key> mine;
    mine.reserve(ids.size());
    for (const auto id : ids) mine.push_back({rng.bits(std::uint64_t(id), 0, 0), id});
    // more of one rank cannot be among the smallest
    const auto kept = std::min(std::size_t(limit), mine.size());
    std::ranges::nth_element(mine, mine.begin() + std::ptrdiff_t(kept));
    mine.resize(kept);
    auto all = comm.all_gather(std::span<const Key>(mine));
    std::ranges::nth_element(all, all.begin() + std::ptrdiff_t(limit));
    all.resize(std::size_t(limit));
    for (const auto& key : all) sample.push_back(std::int32_t(key.id));
  }
  std::ranges::sort(sample);
  FEDFUSE_CHECK(std::ranges::adjacent_find(sample) == sample.end(),
                "two ranks hold the same participant");
  return sample;
}

Matrix<float> gather_sample(const Matrix<float>& vectors, std::span<const std::int32_t> ids,
                            std::span<const std::int32_t> sample, std::int64_t columns,
                            const Comm& comm) {
  std::vector<std::vector<std::int32_t>> sent_ids(static_cast<std::size_t>(comm.size()));
  std::vector<std::vector<float>> sent_rows(static_cast<std::size_t>(comm.size()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!std::ranges::binary_search(sample, ids[i])) continue;
    sent_ids[0].push_back(ids[i]);
    sent_rows[0].insert(sent_rows[0].end(), vectors.row(std::int64_t(i)),
                        vectors.row(std::int64_t(i)) + columns);
  }
  const auto got_ids = comm.exchange(sent_ids);
  const auto got_rows = comm.exchange(sent_rows);
  FEDFUSE_CHECK(!comm.root() || got_ids.size() == sample.size(),
                "a landmark's vector did not arrive");
  Matrix<float> gathered(std::int64_t(got_ids.size()), columns);
  for (std::size_t i = 0; i < got_ids.size(); ++i) {
    const auto place = std::ranges::lower_bound(sample, got_ids[i]) - sample.begin();
    std::copy_n(got_rows.begin() + std::ptrdiff_t(i) * columns, columns, gathered.row(place));
  }
  return gathered;
}

}  // namespace fedfuse::grouping
