#include "clients/features.hpp"

#include <gtest/gtest.h>

#include "clients/behaviour.hpp"
#include "core/error.hpp"

namespace fedfuse {
namespace {

// Two items, one client that has interacted with the first.
Dataset two_items(std::int64_t dim_text, std::vector<std::uint8_t> has_text) {
  Dataset data;
  data.path = "d.h5";
  data.items = 2;
  data.text = Matrix<float>(2, dim_text);
  data.image = Matrix<float>(2, 0);
  data.has_text = std::move(has_text);
  data.has_image = {0, 0};
  data.client_ids = {0};
  data.offsets = {0, 1};
  data.train = {0};
  return data;
}

ModelSpec spec_of(const std::string& fusion) {
  Config config;
  config.model.fusion = fusion;
  config.model.backbone = "fcf";
  return resolve(config);
}

TEST(Features, AreMissingWhereNoItemHasAny) {
  EXPECT_TRUE(has_features(two_items(3, {0, 1})));
  EXPECT_FALSE(has_features(two_items(3, {0, 0})));  // columns, and every row missing
  EXPECT_FALSE(has_features(two_items(0, {0, 0})));
}

TEST(Features, AreMissedByTheFusionsThatUseThem) {
  const auto without = two_items(0, {0, 0});
  const auto with = two_items(3, {1, 0});
  for (const auto& fusion : fusions()) {
    const auto spec = spec_of(std::string(fusion.name));
    EXPECT_EQ(features_warning(spec, without).empty(), fusion.name == "none") << fusion.name;
    EXPECT_EQ(features_warning(spec, with), "") << fusion.name;
  }
  const auto text = features_warning(spec_of("mlp"), without);
  for (const auto* part : {"warning", "--fusion mlp", "d.h5", "--text"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Features, AreNeededToGroupByBehaviour) {
  EXPECT_EQ(behaviour_vectors(two_items(3, {1, 0})).cols, 3);
  EXPECT_THROW((void)behaviour_vectors(two_items(0, {0, 0})), InputError);
  EXPECT_THROW((void)behaviour_vectors(two_items(3, {0, 0})), InputError);
}

}  // namespace
}  // namespace fedfuse
