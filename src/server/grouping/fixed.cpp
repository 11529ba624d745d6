#include "server/grouping/fixed.hpp"

#include <algorithm>
#include <numeric>

#include "core/error.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"
#include "server/grouping/agreement.hpp"
#include "server/grouping/blocks.hpp"

namespace fedfuse::grouping {

FixedGroups random_groups(const Config& config, std::span<const std::int32_t> ids) {
  const Rng rng(config.federation.seed, Purpose::grouping);
  FixedGroups result{{}, config.gfmfr.groups};
  std::vector<std::int32_t> deal(std::size_t(config.gfmfr.groups));
  std::int64_t dealt = -1;
  for (const auto id : ids) {
    const std::int64_t deck = id / config.gfmfr.groups;
    if (deck != dealt) {
      std::iota(deal.begin(), deal.end(), 0);
      for (std::uint32_t i = std::uint32_t(deal.size()); i > 1; --i)
        std::swap(deal[i - 1],
                  deal[Rng::below(rng.words(std::uint64_t(deck), draw_random_group, i)[0], i)]);
      dealt = deck;
    }
    result.group.push_back(deal[std::size_t(id % config.gfmfr.groups)]);
  }
  return result;
}

FixedGroups label_groups(const Config& config, std::span<const std::int32_t> ids,
                         std::span<const std::int32_t> labels, const Comm& comm) {
  comm.together([&] {
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (i >= labels.size() || labels[i] < 0)
        throw InputError("--group-by labels",
                         cat("client ", ids[i], " has no label in the data set"),
                         "use a data set with a label for every client, or another --group-by");
  });
  const auto names = distinct_values(labels, comm);
  const bool everyone = config.federation.fraction >= 1.0;
  const std::int64_t needed = names.empty() ? 0
                              : everyone    ? std::int64_t(names.size())
                                            : std::int64_t(names.back()) + 1;
  if (needed > config.gfmfr.groups)
    throw InputError(
        cat("--group-by labels with --groups ", config.gfmfr.groups),
        everyone
            ? cat("the data set has ", needed, " different labels")
            : cat("with --fraction below 1 labels must be 0 to groups-1, and one is ", needed - 1),
        cat("use --groups ", needed));
  FixedGroups result{{labels.begin(), labels.end()}, everyone ? needed : config.gfmfr.groups};
  if (everyone)
    for (auto& g : result.group)
      g = std::int32_t(std::ranges::lower_bound(names, g) - names.begin());
  return result;
}

}  // namespace fedfuse::grouping
