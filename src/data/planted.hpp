#pragma once
// The world behind generated data (formulas in generate.hpp): items with content, features and
// popularity, and the groups' preferences. The same on every rank.
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "core/rng.hpp"
#include "data/generate.hpp"

namespace fedfuse {

// Second word of the counter: what is drawn for an item, group or map row, and for a client. Part
// of the data: append, never renumber.
enum class ItemDraw : std::uint32_t {
  topic = 0,
  content = 1,
  text_noise = 2,
  image_noise = 3,
  text_missing = 4,
  image_missing = 5,
  popularity_order = 6,
  shuffle_order = 7,
  topic_center = 8,
  text_map = 9,
  image_map = 10,
  group_preference = 11,
  group_order = 12,
};
enum class ClientDraw : std::uint32_t {
  group = 0,
  activity = 1,
  preference = 2,
  items = 3,
  order = 4
};

// Where the three parts of the content begin.
struct ContentParts {
  // [0, shared) both, [shared, text_only) text, [text_only, end) image
  std::int64_t shared = 0, text_only = 0, end = 0;
  explicit ContentParts(std::int64_t latent)
      : shared(latent / 2), text_only(shared + latent / 4), end(latent) {}
};

struct PlantedItems {
  Matrix<float> content;                          // M x L
  std::vector<std::int32_t> topic;                // M
  std::vector<double> popularity;                 // M, pi_i
  Matrix<float> text, image;                      // M x d; 0 columns when not wanted
  std::vector<std::uint8_t> has_text, has_image;  // M
};
[[nodiscard]] PlantedItems plant_items(const GenerateOptions& options);

// G x L: c_g, unit rows, modality weights applied.
[[nodiscard]] Matrix<float> plant_groups(const GenerateOptions& options);

// 0..n-1 in a random order.
[[nodiscard]] std::vector<std::int32_t> random_order(std::int64_t n, const Rng& rng, ItemDraw draw);

}  // namespace fedfuse
