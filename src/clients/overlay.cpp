#include "clients/overlay.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/error.hpp"

namespace fedfuse {
namespace {

bool strictly_ascending(std::span<const std::int32_t> ids) {
  return std::ranges::adjacent_find(ids, [](std::int32_t a, std::int32_t b) { return a >= b; }) ==
         ids.end();
}

std::int64_t union_size(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  std::int64_t both = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      ++both;
      ++i;
      ++j;
    } else if (a[i] < b[j])
      ++i;
    else
      ++j;
  }
  return std::int64_t(a.size() + b.size()) - both;
}

}  // namespace

OverlayStore::OverlayStore(std::int64_t clients, int width)
    : width_(width), extents_(std::size_t(clients)) {}

OverlayStore::Rows OverlayStore::of(std::int64_t client) const {
  const auto& extent = extents_[std::size_t(client)];
  return {{ids_.data() + extent.begin, std::size_t(extent.count)},
          rows_.data() + extent.begin * width_};
}

std::int64_t OverlayStore::bytes() const {
  return std::int64_t(extents_.capacity() * sizeof(Extent) +
                      ids_.capacity() * sizeof(std::int32_t) + rows_.capacity() * sizeof(float));
}

std::int64_t OverlayStore::total_rows() const {
  std::int64_t rows = 0;
  for (const auto& extent : extents_) rows += extent.count;
  return rows;
}

void OverlayStore::replace(std::int64_t client, std::span<const std::int32_t> ids,
                           const float* rows) {
  FEDFUSE_CHECK(strictly_ascending(ids), "the rows of a client are stored with ascending ids");
  auto& extent = extents_[std::size_t(client)];
  extent.count = 0;  // nothing worth moving
  reserve(extent, std::int64_t(ids.size()));
  std::ranges::copy(ids, ids_.begin() + extent.begin);
  std::copy_n(rows, std::int64_t(ids.size()) * width_, rows_.data() + extent.begin * width_);
  extent.count = std::int32_t(ids.size());
}

void OverlayStore::merge(std::int64_t client, std::span<const std::int32_t> ids, const float* rows,
                         float decay) {
  FEDFUSE_CHECK(strictly_ascending(ids), "the rows of a client are stored with ascending ids");
  auto& extent = extents_[std::size_t(client)];
  const std::int64_t merged = union_size(of(client).ids, ids);
  reserve(extent, merged);
  std::int32_t* own_ids = ids_.data() + extent.begin;
  float* own_rows = rows_.data() + extent.begin * width_;
  // From the back, in place: the write position never passes a row that is still to be read.
  std::int64_t old = extent.count - 1, added = std::int64_t(ids.size()) - 1;
  for (std::int64_t to = merged - 1; to >= 0; --to) {
    const bool take_new = added >= 0 && (old < 0 || ids[std::size_t(added)] >= own_ids[old]);
    if (take_new) {
      const std::int32_t id = ids[std::size_t(added)];
      if (old >= 0 && own_ids[old] == id) --old;
      own_ids[to] = id;
      std::copy_n(rows + added * width_, width_, own_rows + to * width_);
      --added;
    } else {
      own_ids[to] = own_ids[old];
      for (int k = 0; k < width_; ++k)
        own_rows[to * width_ + k] = own_rows[old * width_ + k] * decay;
      --old;
    }
  }
  extent.count = std::int32_t(merged);
}

std::int64_t OverlayStore::find(std::int64_t client, std::int32_t id) const {
  const auto ids = of(client).ids;
  const auto at = std::ranges::lower_bound(ids, id);
  return at != ids.end() && *at == id ? at - ids.begin() : -1;
}

bool OverlayStore::operator==(const OverlayStore& other) const {
  if (clients() != other.clients() || width_ != other.width_) return false;
  for (std::int64_t u = 0; u < clients(); ++u) {
    const auto mine = of(u), theirs = other.of(u);
    if (!std::ranges::equal(mine.ids, theirs.ids)) return false;
    if (!std::equal(mine.rows, mine.rows + std::int64_t(mine.ids.size()) * width_, theirs.rows))
      return false;
  }
  return true;
}

void OverlayStore::reserve(Extent& extent, std::int64_t count) {
  if (count <= extent.capacity) return;
  // The first extent fits exactly; one that grew once will grow again, so it gets room.
  const std::int64_t capacity =
      extent.capacity == 0 ? count : std::max(count, std::int64_t(extent.capacity) * 3 / 2);
  FEDFUSE_CHECK(capacity <= std::numeric_limits<std::int32_t>::max(),
                "a client holds more than 2^31 rows");
  constexpr std::int64_t worth_compacting = 4096;
  if (abandoned_ > worth_compacting && abandoned_ > std::int64_t(ids_.size()) / 2) compact();
  abandoned_ += extent.capacity;
  const auto begin = std::int64_t(ids_.size());
  ids_.resize(std::size_t(begin + capacity));
  rows_.resize(std::size_t((begin + capacity) * width_));
  std::copy_n(ids_.data() + extent.begin, extent.count, ids_.data() + begin);
  std::copy_n(rows_.data() + extent.begin * width_, std::int64_t(extent.count) * width_,
              rows_.data() + begin * width_);
  extent.begin = begin;
  extent.capacity = std::int32_t(capacity);
}

void OverlayStore::compact() {
  std::int64_t size = 0;
  for (const auto& extent : extents_) size += extent.capacity;
  std::vector<std::int32_t> ids(static_cast<std::size_t>(size));
  Array<float> rows(std::size_t(size * width_));
  std::int64_t at = 0;
  for (auto& extent : extents_) {
    std::copy_n(ids_.data() + extent.begin, extent.count, ids.data() + at);
    std::copy_n(rows_.data() + extent.begin * width_, std::int64_t(extent.count) * width_,
                rows.data() + at * width_);
    extent.begin = at;
    at += extent.capacity;
  }
  ids_ = std::move(ids);
  rows_ = std::move(rows);
  abandoned_ = 0;
}

}  // namespace fedfuse
