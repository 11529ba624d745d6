// What stands between the sums of a round and the next model.
#include <algorithm>

#include "clients/clip.hpp"
#include "server/round_sums.hpp"

namespace fedfuse {

RoundWeight weight_of_round(const Config& config, const ModelSpec& spec, const Dataset& data,
                            std::int64_t taken) {
  if (config.federation.sampling == Sampling::poisson) {
    const auto of_all = public_weight(config, spec, data);  // the unit of the clip, too
    return {taken, of_all, config.federation.fraction * double(of_all)};
  }
  return std::max<std::int64_t>(1, taken);
}

void RoundSums::defend(const AttackOptions& options, row_median::Function kernel) {
  if (options.defence == Defence::none) return;
  robust_ = std::make_unique<RobustRows>(options, spec_.views, spec_.view_width, kernel);
}

void RoundSums::add_noise(const SumNoise& noise) {
  constexpr std::uint64_t of_a_view = std::uint64_t(1) << 40, of_head = std::uint64_t(1) << 60;
  for (std::size_t j = 0; j < rows_.size(); ++j) rows_[j].add_noise(noise, j * of_a_view, held());
  if (spec_.shares_head) theta_.add_noise(noise, of_head);
}

}  // namespace fedfuse
