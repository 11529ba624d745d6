// The overlay store against the plain thing: a map from (client, row id) to a row.
#include "clients/overlay.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "core/error.hpp"
#include "core/rng.hpp"

namespace fedfuse {
namespace {

constexpr int width = 3;
using Plain = std::vector<std::map<std::int32_t, std::vector<float>>>;

struct Update {
  std::vector<std::int32_t> ids;
  std::vector<float> rows;
};

Update random_update(RngStream& rng, std::int32_t items, std::uint32_t one_in) {
  Update update;
  for (std::int32_t i = 0; i < items; ++i) {
    if (rng.below(one_in) != 0) continue;
    update.ids.push_back(i);
    for (int k = 0; k < width; ++k) update.rows.push_back(float(rng.uniform()));
  }
  return update;
}

void merge_plain(std::map<std::int32_t, std::vector<float>>& rows, const Update& update,
                 float decay) {
  for (auto& [id, row] : rows)
    for (float& x : row) x *= decay;
  for (std::size_t i = 0; i < update.ids.size(); ++i)
    rows[update.ids[i]].assign(update.rows.begin() + std::ptrdiff_t(i) * width,
                               update.rows.begin() + std::ptrdiff_t(i + 1) * width);
}

void expect_same(const OverlayStore& store, const Plain& plain) {
  std::int64_t total = 0;
  for (std::size_t u = 0; u < plain.size(); ++u) {
    const auto rows = store.of(std::int64_t(u));
    ASSERT_EQ(rows.ids.size(), plain[u].size()) << "client " << u;
    std::int64_t at = 0;
    for (const auto& [id, row] : plain[u]) {
      ASSERT_EQ(rows.ids[std::size_t(at)], id);
      ASSERT_EQ(store.find(std::int64_t(u), id), at);
      for (int k = 0; k < width; ++k)
        ASSERT_EQ(rows.rows[at * width + k], row[std::size_t(k)])
            << "client " << u << " row " << id;
      ++at;
    }
    total += at;
    EXPECT_EQ(store.find(std::int64_t(u), 1000), -1);
  }
  EXPECT_EQ(store.total_rows(), total);
}

// A thousand updates of random sizes: extents move, the store compacts, nothing is lost.
TEST(Overlay, AgreesWithAMapUnderRandomUpdates) {
  constexpr std::int64_t clients = 9;
  const Rng generator(1, Purpose::test);
  RngStream rng(generator, 0, 0);
  OverlayStore store(clients, width);
  Plain plain(clients);
  for (int step = 0; step < 1000; ++step) {
    const std::size_t u = rng.below(clients);
    const auto update = random_update(rng, 200, 1 + rng.below(100));
    if (rng.below(10) == 0) {
      store.replace(std::int64_t(u), update.ids, update.rows.data());
      plain[u].clear();
      merge_plain(plain[u], update, 1.0f);
    } else {
      const float decay = rng.below(2) == 0 ? 1.0f : 0.75f;
      store.merge(std::int64_t(u), update.ids, update.rows.data(), decay);
      merge_plain(plain[u], update, decay);
    }
    if (step % 50 == 0) expect_same(store, plain);
  }
  expect_same(store, plain);
}

TEST(Overlay, GrowingClientsDoNotLeaveTheirOldExtentsBehind) {
  OverlayStore store(50, width);
  const std::vector<float> row(width, 1.0f);
  for (std::int32_t i = 0; i < 1000; ++i)
    for (std::int64_t u = 0; u < store.clients(); ++u)
      store.merge(u, std::vector{i}, row.data(), 1.0f);
  EXPECT_EQ(store.total_rows(), 50 * 1000);
  // 2.6 as it is (spare capacity, abandoned extents, the vectors' own growth); 5 when nothing is
  // compacted.
  const std::int64_t needed = 50 * 1000 * (width + 1) * 4;
  EXPECT_LT(double(store.bytes()) / double(needed), 4.0);
}

TEST(Overlay, EqualityLooksAtTheRowsAndNotAtTheirPlace) {
  const std::vector<std::int32_t> low{1}, high{5}, both{1, 5};
  const std::vector<float> rows{1, 2, 3, 4, 5, 6};
  OverlayStore a(2, width), b(2, width);
  a.replace(0, both, rows.data());
  b.replace(1, both, rows.data());
  EXPECT_FALSE(a == b);
  b.replace(1, {}, nullptr);
  b.merge(0, high, rows.data() + width, 1.0f);
  b.merge(0, low, rows.data(), 1.0f);
  EXPECT_TRUE(a == b);
  b.merge(0, low, rows.data() + width, 1.0f);
  EXPECT_FALSE(a == b);
}

TEST(Overlay, RefusesIdsOutOfOrder) {
  OverlayStore store(1, width);
  const std::vector<float> rows(2 * width);
  EXPECT_THROW(store.replace(0, std::vector<std::int32_t>{2, 1}, rows.data()), InternalError);
  EXPECT_THROW(store.merge(0, std::vector<std::int32_t>{2, 2}, rows.data(), 1.0f), InternalError);
}

}  // namespace
}  // namespace fedfuse
