#include "clients/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedfuse {

std::vector<std::int32_t> sample_participants(const Config& config, const Dataset& data,
                                              std::int64_t round) {
  std::vector<std::int32_t> local;
  if (config.federation.sampling == Sampling::poisson) {
    const Rng rng(config.federation.seed, Purpose::participants);
    for (std::size_t at = 0; at < data.client_ids.size(); ++at)
      if (rng.uniform(std::uint64_t(data.client_ids[at]), std::uint32_t(round), 0) <
          config.federation.fraction)
        local.push_back(std::int32_t(at));
    return local;
  }
  const auto wanted = participants_of_round(config.federation, data.clients);
  if (wanted >= data.clients) {
    local.resize(data.client_ids.size());
    std::iota(local.begin(), local.end(), 0);
    return local;
  }
  // Every rank draws a key for every client and keeps the smallest: a sample without replacement. A
  // key is never drawn twice in practice; the id decides if it is.
  const Rng rng(config.federation.seed, Purpose::participants);
  using Key = std::pair<std::uint64_t, std::int32_t>;
  std::vector<Key> keys(std::size_t(data.clients));
  for (std::size_t u = 0; u < keys.size(); ++u)
    keys[u] = {rng.bits(u, std::uint32_t(round), 0), std::int32_t(u)};
  std::ranges::nth_element(keys, keys.begin() + (wanted - 1));
  const Key last = keys[std::size_t(wanted) - 1];
  for (std::size_t at = 0; at < data.client_ids.size(); ++at) {
    const auto u = data.client_ids[at];
    if (Key{rng.bits(std::uint64_t(u), std::uint32_t(round), 0), u} <= last)
      local.push_back(std::int32_t(at));
  }
  return local;
}

Sampler::Sampler(const Config& config, const Dataset& data, const Kernels& kernels)
    : data_(data),
      draw_(kernels.draw),
      rules_{Rng(config.federation.seed, Purpose::negatives),
             Rng(config.federation.seed, Purpose::shuffle)} {
  if (config.federation.negatives == Negatives::trained_items)
    for (std::int64_t i = 0; i < data.items; ++i)
      if (data.popularity[std::size_t(i)] > 0) trained_items_.push_back(std::int32_t(i));
  rules_.items = data.items;
  rules_.listed = trained_items_;
  const auto negatives = config.federation.negatives;
  rules_.in_order = negatives == Negatives::lowest_ids;
  rules_.spare_held_out = negatives == Negatives::own_all || rules_.in_order;
  rules_.per_positive = config.federation.negatives_per_positive;
  rules_.epochs = config.federation.local_epochs;
  rules_.batch = config.federation.batch;
}

void Sampler::draw(std::int64_t local, std::int64_t round, Samples& out) const {
  const auto u = std::size_t(local);
  draw_(rules_, {data_.client_ids[u], data_.positives(local), data_.valid[u], data_.test[u]},
        std::uint32_t(round), out);
}

}  // namespace fedfuse
