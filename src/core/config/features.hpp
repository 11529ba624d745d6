#pragma once
// What becomes of the items' features before a run: ablations (models.md, section 4).
#include "core/choice.hpp"

namespace fedfuse {

// The modalities that stay.
enum class Modalities { both, text, image, none };
template <>
inline constexpr auto choice_names<Modalities> =
    std::array{Named{Modalities::both, "text,image"}, Named{Modalities::text, "text"},
               Named{Modalities::image, "image"}, Named{Modalities::none, "none"}};

// What stands for a modality that an item lacks. mask: nothing. mean: the mean of the items that
// have it. zero: zeros that count as features.
enum class MissingAs { mask, mean, zero };
template <>
inline constexpr auto choice_names<MissingAs> = std::array{
    Named{MissingAs::mask, "mask"}, Named{MissingAs::mean, "mean"}, Named{MissingAs::zero, "zero"}};

struct FeatureOptions {
  Modalities modalities = Modalities::both;
  double lose = 0.0;  // probability that an item loses a modality, each by itself
  MissingAs missing_as = MissingAs::mask;
  double noise = 0.0;  // Gaussian, in standard deviations of a modality's numbers
  bool operator==(const FeatureOptions&) const = default;
};
void validate(const FeatureOptions& options);  // InputError

}  // namespace fedfuse
