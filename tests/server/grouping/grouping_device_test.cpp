// Grouping on a device (the emulated one, and a real one where there is one) against grouping on
// the host, on any number of ranks.
#include <gtest/gtest.h>

#include <numeric>

#include "core/gpu/simt.hpp"
#include "tests/server/grouping/grouping_data.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse {
namespace {

using test::group_all;
using test::planted_vectors;
using test::with;

// Vectors without structure, so that many lie near a border; and far more different bits than ties.
TEST(GroupingOnDevice, GivesTheHostsGroupsForAnyRanksAndOrderOfThreads) {
  const auto data = planted_vectors(181, 33, 4, 3.0);
  for (const auto cluster : {ClusterMethod::spectral, ClusterMethod::kmeans})
    for (const double pca : {1.0, 0.7})
      for (const std::int64_t landmarks : {2048, 50}) {
        const auto config = with(5, cluster, pca, landmarks);
        const auto host = group_all(config, data.vectors, {}, Comm::self());
        for (const auto& device : test::fresh_devices()) {
          const auto together = group_all(config, data.vectors, {}, Comm::world(), {}, device);
          simt::set_schedule({simt::Order::shuffled, 3, 2});
          const auto alone = group_all(config, data.vectors, {}, Comm::self(), {}, device);
          simt::set_schedule({});
          EXPECT_EQ(alone.group, host.group) << host.method;
          EXPECT_EQ(together.group, host.group) << host.method;
          EXPECT_EQ(together.sizes, host.sizes);
          EXPECT_EQ(together.method, host.method);
        }
      }
}

TEST(GroupingOnDevice, ChoosesTheSameNumber) {
  const auto data = planted_vectors(90, 12, 3, 0.4);
  auto config = with(2, ClusterMethod::kmeans, 1.0, 2048);
  config.gfmfr.groups_min = 2;
  config.gfmfr.groups_max = 6;
  config.gfmfr.groups_by = GroupsBy::silhouette;
  const auto host = group_all(config, data.vectors, {}, Comm::world());
  for (const auto& device : test::fresh_devices()) {
    const auto found = group_all(config, data.vectors, {}, Comm::world(), {}, device);
    EXPECT_EQ(found.group, host.group);
    EXPECT_EQ(found.sizes.size(), 3u);
  }
}

TEST(GroupingOnDevice, NoGroupIsEmptyWhereVectorsCoincide) {
  Matrix<float> two(12, 3, 1.0f);  // two different vectors, one of them once
  two(7, 1) = 5.0f;
  for (const auto& device : test::fresh_devices()) {
    const auto found =
        group_all(with(4, ClusterMethod::kmeans, 1.0, 2048), two, {}, Comm::world(), {}, device);
    EXPECT_EQ(std::ranges::count(found.sizes, 0), 0);
    EXPECT_EQ(found.sizes[std::size_t(found.group[7])], 1) << "the one that differs is alone";
    EXPECT_EQ(group_all(with(5, ClusterMethod::kmeans, 1.0, 2048), Matrix<float>(23, 6, 0.25f), {},
                        Comm::world(), {}, device)
                  .sizes.size(),
              5u);
  }
}

TEST(GroupingOnDevice, TakesNoMoreMemoryThanPlannedAndKeepsNone) {
  const auto data = planted_vectors(181, 33, 4, 1.0);
  for (const auto cluster : {ClusterMethod::spectral, ClusterMethod::kmeans})
    for (const std::int64_t landmarks : {2048, 50})
      for (const auto& device : test::fresh_devices()) {
        const auto config = with(5, cluster, 1.0, landmarks);
        (void)group_all(config, data.vectors, {}, Comm::self(), {}, device);
        EXPECT_EQ(device->high_water_bytes(),
                  std::size_t(grouping_device_bytes(config, 33, 181, 181)))
            << cluster << ", " << landmarks;
        EXPECT_EQ(device->held_bytes(), 0u);
        EXPECT_EQ(device->high_water_bytes() > 0,
                  cluster == ClusterMethod::kmeans || landmarks == 50);
      }
}

}  // namespace
}  // namespace fedfuse
