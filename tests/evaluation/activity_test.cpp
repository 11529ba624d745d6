// evaluation/activity: a client stands in the group of its training interactions.
#include "evaluation/activity.hpp"

#include <gtest/gtest.h>

namespace fedfuse {
namespace {

TEST(Activity, GroupsArePowersOfTwo) {
  Dataset data;
  data.offsets.push_back(0);
  const std::vector<std::int64_t> interactions{1, 4, 5, 8, 9, 16, 17, 32, 33, 64, 65, 1000};
  for (const auto n : interactions) {
    data.client_ids.push_back(std::int32_t(data.client_ids.size()));
    data.offsets.push_back(data.offsets.back() + n);
  }
  data.train.resize(std::size_t(data.offsets.back()));
  EXPECT_EQ(activity_of(data), (std::vector<std::int32_t>{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5}));
  EXPECT_EQ(activity_groups, 6);
}

}  // namespace
}  // namespace fedfuse
