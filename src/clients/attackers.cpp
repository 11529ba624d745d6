#include "clients/attackers.hpp"

#include "core/error.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse {

bool is_attacker(const Config& config, std::int64_t id) {
  if (config.attack.kind == Attack::none) return false;
  const Rng rng(config.federation.seed, Purpose::attackers);
  return rng.uniform(std::uint64_t(id), 0, 0) < config.attack.share;
}

std::int32_t attacked_item(const Config& config, const Dataset& data) {
  const auto given = config.attack.item;
  if (given >= data.items)
    throw InputError(cat("--attack-item ", given), cat("there are only ", data.items, " items"),
                     "items count from 0; -1 takes the rarest");
  if (given >= 0) return std::int32_t(given);
  std::int32_t rarest = -1;
  const auto count = [&](std::int32_t i) { return data.popularity[std::size_t(i)]; };
  for (std::int32_t i = 0; i < data.items; ++i)
    if (count(i) > 0 && (rarest < 0 || count(i) < count(rarest))) rarest = i;
  return rarest;
}

}  // namespace fedfuse
