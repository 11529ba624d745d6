// The identity of a data set: the same for any ranks, threads, names and places; another one for
// any other content.
#include "data/data_hash.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <set>

#include "tests/support/small_data.hpp"

namespace fedfuse {
namespace {

using test::SmallData;

std::string hash_alone(const Dataset& data) { return data_hash(data, Comm::self()); }

TEST(DataHash, is_the_same_for_any_ranks_and_threads) {
  const auto comm = Comm::world();
  const SmallData small;
  const auto alone = hash_alone(small.alone());
  EXPECT_EQ(alone.size(), 64u);
  const auto before = omp_get_max_threads();
  for (const int threads : {1, 3}) {
    omp_set_num_threads(threads);
    EXPECT_EQ(data_hash(small.together(comm), comm), alone) << threads << " threads";
  }
  omp_set_num_threads(before);
}

TEST(DataHash, does_not_know_names_places_and_the_order_of_work) {
  const SmallData small;
  auto data = small.alone();
  const auto before = hash_alone(data);
  data.name = "another";
  data.path = "elsewhere.h5";
  std::ranges::reverse(data.heaviest_first);
  EXPECT_EQ(hash_alone(data), before);

  auto options = SmallData::default_options();
  options.name = "renamed";
  EXPECT_EQ(hash_alone(SmallData(options).alone()), before);
}

void flip_lowest_bit(float& value) {
  value = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ 1u);
}

TEST(DataHash, changes_with_every_part_of_the_content) {
  const SmallData small;
  const auto data = small.alone();
  std::set<std::string> seen{hash_alone(data)};
  const auto changed_by = [&](const char* what, const std::function<void(Dataset&)>& change) {
    auto other = data;
    change(other);
    EXPECT_TRUE(seen.insert(hash_alone(other)).second) << what;
  };
  const auto last = data.client_ids.size() - 1;
  changed_by("an interaction", [](auto& d) { d.train[0] ^= 1; });
  changed_by("an interaction moves to the next client", [](auto& d) { ++d.offsets[1]; });
  changed_by("the validation item", [&](auto& d) { d.valid[last] = -1; });
  changed_by("the test item", [&](auto& d) { d.test[last] = -1; });
  changed_by("both held-out items are exchanged",
             [](auto& d) { std::swap(d.valid[0], d.test[0]); });
  changed_by("a label", [](auto& d) { ++d.label[3]; });
  changed_by("one bit of a text feature", [](auto& d) { flip_lowest_bit(d.text(5, 2)); });
  changed_by("one bit of an image feature", [](auto& d) { flip_lowest_bit(d.image(59, 7)); });
  changed_by("a feature becomes 0", [](auto& d) { d.image(59, 6) = 0.0f; });
  changed_by("... or the other 0", [](auto& d) { d.image(59, 6) = -0.0f; });
  changed_by("the mask of text", [](auto& d) { d.has_text[7] ^= 1; });
  changed_by("the mask of images", [](auto& d) { d.has_image[7] ^= 1; });
  changed_by("the rows of two items are exchanged", [](auto& d) {
    for (std::int64_t j = 0; j < d.text.cols; ++j) std::swap(d.text(1, j), d.text(2, j));
  });
  changed_by("an item that nobody knows", [](auto& d) {
    ++d.items;
    d.has_text.push_back(0);
    d.has_image.push_back(0);
    d.text.values.resize(std::size_t(d.items * d.text.cols));
    d.image.values.resize(std::size_t(d.items * d.image.cols));
  });
}

// The features of a set with the same interactions, dealt to other items.
TEST(DataHash, changes_when_features_are_shuffled) {
  auto options = SmallData::default_options();
  options.shuffle_features = true;
  EXPECT_NE(hash_alone(SmallData(options).alone()), hash_alone(SmallData().alone()));
}

}  // namespace
}  // namespace fedfuse
