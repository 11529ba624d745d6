#include "core/config/features.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const FeatureOptions& o) {
  require(std::isfinite(o.lose) && o.lose >= 0 && o.lose < 1, "lose-features", o.lose,
          "the probability that an item loses a modality is in [0, 1)",
          "use --modalities to leave a modality out");
  constexpr double most = 1e6;  // standard deviations: nothing of the features is left
  require(std::isfinite(o.noise) && o.noise >= 0 && o.noise <= most, "feature-noise", o.noise,
          "a standard deviation is in [0, 1e6]", "0 adds no noise");
}

}  // namespace fedfuse
