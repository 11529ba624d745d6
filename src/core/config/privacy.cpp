#include "core/config/privacy.hpp"

#include <cmath>

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const PrivacyOptions& o) {
  finite_at_least("clip", o.clip, 0);
  require(o.clip <= largest_clip, "clip", o.clip, "a bound is at most 512, so that sums have room",
          "lower --lr-items or --lr, whose product with the data makes uploads so long");
  finite_at_least("noise-multiplier", o.noise_multiplier, 0);
  finite_at_least("epsilon", o.epsilon, 0);
  const auto is_share = [](double x) { return std::isfinite(x) && x >= 0 && x < 1; };
  require(is_share(o.delta), "delta", o.delta, "a probability is in (0, 1)",
          "0 takes 1 / clients^1.1");
  require(o.noise_multiplier == 0 || o.noise_multiplier >= 0.01, "noise-multiplier",
          o.noise_multiplier, "the accountant takes 0.01 and more", "0 adds no noise");
  require(
      o.noise_multiplier * o.clip <= largest_noise, "noise-multiplier", o.noise_multiplier,
      cat("times --clip ", o.clip, " it is beyond ", largest_noise, ", what the sums hold").c_str(),
      "give a smaller --clip");
  within("upload-padding", o.upload_padding, 1, most_counted);
  finite_at_least("upload-noise-scale", o.upload_noise_scale, 0);
  within("probe-clients", o.probe_clients, 0, 10000);
}

}  // namespace fedfuse
