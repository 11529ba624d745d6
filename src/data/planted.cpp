#include "data/planted.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace fedfuse {
namespace {

struct ItemRng {
  Rng rng;
  explicit ItemRng(const GenerateOptions& options) : rng(options.seed, Purpose::generate_items) {}
  [[nodiscard]] double normal(std::int64_t who, ItemDraw draw, std::int64_t index) const {
    return rng.normal(std::uint64_t(who), std::uint32_t(draw), std::uint32_t(index));
  }
  [[nodiscard]] double uniform(std::int64_t who, ItemDraw draw) const {
    return rng.uniform(std::uint64_t(who), std::uint32_t(draw), 0);
  }
};

void scale_to_unit(float* row, std::int64_t n) {
  double square = 0;
  for (std::int64_t k = 0; k < n; ++k) square += double(row[k]) * double(row[k]);
  const double inverse = square > 0 ? 1.0 / std::sqrt(square) : 0.0;
  for (std::int64_t k = 0; k < n; ++k) row[k] = float(double(row[k]) * inverse);
}

Matrix<float> normal_matrix(std::int64_t rows, std::int64_t cols, const ItemRng& rng,
                            ItemDraw draw) {
  Matrix<float> m(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t k = 0; k < cols; ++k) m(i, k) = float(rng.normal(i, draw, k));
  return m;
}

void plant_content(PlantedItems& world, const GenerateOptions& options, const ItemRng& rng) {
  const auto centers = normal_matrix(options.topics, options.latent, rng, ItemDraw::topic_center);
  const double from_topic = std::sqrt(options.topic_share),
               own = std::sqrt(1.0 - options.topic_share);
  world.content = Matrix<float>(options.items, options.latent);
  world.topic.resize(std::size_t(options.items));
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < options.items; ++i) {
    const auto topic = std::int64_t(rng.uniform(i, ItemDraw::topic) * double(options.topics));
    world.topic[std::size_t(i)] = std::int32_t(topic);
    for (std::int64_t k = 0; k < options.latent; ++k)
      world.content(i, k) =
          float(from_topic * double(centers(topic, k)) + own * rng.normal(i, ItemDraw::content, k));
  }
}

void plant_popularity(PlantedItems& world, const GenerateOptions& options, const ItemRng& rng) {
  const auto order = random_order(options.items, rng.rng, ItemDraw::popularity_order);
  world.popularity.resize(order.size());
  for (std::size_t r = 0; r < order.size(); ++r)
    world.popularity[std::size_t(order[r])] = std::pow(double(r + 1), -options.zipf);
}

// What one modality sees of the content: two ranges of its dimensions.
struct Sight {
  std::int64_t shared = 0, first = 0, last = 0;
  [[nodiscard]] std::int64_t size() const { return shared + last - first; }
  [[nodiscard]] std::int64_t dimension(std::int64_t k) const {
    return k < shared ? k : first + k - shared;
  }
};

struct Modality {
  std::int64_t dim = 0;
  Sight sight;
  ItemDraw map, noise, missing;
};

void plant_features(Matrix<float>& features, std::vector<std::uint8_t>& has,
                    const Modality& modality, const Matrix<float>& content,
                    const GenerateOptions& options, const ItemRng& rng) {
  features = Matrix<float>(options.items, modality.dim);
  has.assign(std::size_t(options.items), 0);
  if (modality.dim == 0) return;
  const auto map = normal_matrix(modality.dim, modality.sight.size(), rng, modality.map);
  const double scale = 1.0 / std::sqrt(double(modality.sight.size()));
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < options.items; ++i) {
    if (rng.uniform(i, modality.missing) < options.missing) continue;
    has[std::size_t(i)] = 1;
    for (std::int64_t k = 0; k < modality.dim; ++k) {
      double signal = 0;
      for (std::int64_t l = 0; l < modality.sight.size(); ++l)
        signal += double(map(k, l)) * double(content(i, modality.sight.dimension(l)));
      features(i, k) = float(scale * signal + options.noise * rng.normal(i, modality.noise, k));
    }
    scale_to_unit(features.row(i), modality.dim);
  }
}

// Row i takes what row order[i] had.
void permute_rows(Matrix<float>& features, std::vector<std::uint8_t>& has,
                  const std::vector<std::int32_t>& order) {
  if (features.cols == 0) return;
  Matrix<float> moved(features.rows, features.cols);
  std::vector<std::uint8_t> moved_has(has.size());
  for (std::int64_t i = 0; i < features.rows; ++i) {
    const auto from = order[std::size_t(i)];
    std::copy_n(features.row(from), features.cols, moved.row(i));
    moved_has[std::size_t(i)] = has[std::size_t(from)];
  }
  features = std::move(moved);
  has = std::move(moved_has);
}

}  // namespace

std::vector<std::int32_t> random_order(std::int64_t n, const Rng& rng, ItemDraw draw) {
  std::vector<std::pair<std::uint64_t, std::int32_t>> keys;
  keys.reserve(std::size_t(n));
  for (std::int64_t i = 0; i < n; ++i)
    keys.emplace_back(rng.bits(std::uint64_t(i), std::uint32_t(draw), 0), std::int32_t(i));
  std::sort(keys.begin(), keys.end());
  std::vector<std::int32_t> order;
  order.reserve(keys.size());
  for (const auto& key : keys) order.push_back(key.second);
  return order;
}

PlantedItems plant_items(const GenerateOptions& options) {
  const ItemRng rng(options);
  const ContentParts parts(options.latent);
  PlantedItems world;
  plant_content(world, options, rng);
  plant_popularity(world, options, rng);
  const Modality text{.dim = options.dim_text,
                      .sight = {parts.shared, parts.shared, parts.text_only},
                      .map = ItemDraw::text_map,
                      .noise = ItemDraw::text_noise,
                      .missing = ItemDraw::text_missing};
  const Modality image{.dim = options.dim_image,
                       .sight = {parts.shared, parts.text_only, parts.end},
                       .map = ItemDraw::image_map,
                       .noise = ItemDraw::image_noise,
                       .missing = ItemDraw::image_missing};
  plant_features(world.text, world.has_text, text, world.content, options, rng);
  plant_features(world.image, world.has_image, image, world.content, options, rng);
  if (options.shuffle_features) {
    const auto order = random_order(options.items, rng.rng, ItemDraw::shuffle_order);
    permute_rows(world.text, world.has_text, order);
    permute_rows(world.image, world.has_image, order);
  }
  return world;
}

Matrix<float> plant_groups(const GenerateOptions& options) {
  const ItemRng rng(options);
  const ContentParts parts(options.latent);
  auto preference = normal_matrix(options.groups, options.latent, rng, ItemDraw::group_preference);
  // Modality weights evenly spaced over the groups, in a random order: every data set has groups at
  // both ends.
  const auto order = random_order(options.groups, rng.rng, ItemDraw::group_order);
  for (std::int64_t g = 0; g < options.groups; ++g) {
    const double place = options.groups == 1
                             ? 0.0
                             : double(order[std::size_t(g)]) / double(options.groups - 1) - 0.5;
    const double text_weight = 0.5 + options.modality_spread * place;
    for (std::int64_t k = parts.shared; k < parts.text_only; ++k)
      preference(g, k) *= float(2.0 * text_weight);
    for (std::int64_t k = parts.text_only; k < parts.end; ++k)
      preference(g, k) *= float(2.0 * (1.0 - text_weight));
    scale_to_unit(preference.row(g), options.latent);
  }
  return preference;
}

}  // namespace fedfuse
