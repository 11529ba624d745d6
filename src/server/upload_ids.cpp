#include "server/upload_ids.hpp"

#include <algorithm>

#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse {

std::vector<std::int32_t> padding_of(const Config& config, std::int64_t id, std::int64_t items) {
  const Rng rng(config.federation.seed, Purpose::upload_padding);
  RngStream stream(rng, std::uint64_t(id), 0);
  const auto wanted = std::size_t(std::min(config.privacy.upload_padding, items));
  std::vector<std::int32_t> padding;
  while (padding.size() < wanted) {
    while (padding.size() < wanted)
      padding.push_back(std::int32_t(stream.below(std::uint32_t(items))));
    std::ranges::sort(padding);
    const auto [first, last] = std::ranges::unique(padding);
    padding.erase(first, last);
  }
  return padding;
}

double rows_sent(const Config& config, double touched, std::int64_t items) {
  switch (config.privacy.upload_ids) {
    case UploadIds::touched:
      return touched;
    case UploadIds::padded:
      return std::min(double(items), touched + double(config.privacy.upload_padding));
    case UploadIds::dense:
      return double(items);
  }
  return touched;
}

std::string visible_items(const Config& config) {
  const std::string values = "the values of the rows, which the server sees";
  switch (config.privacy.upload_ids) {
    case UploadIds::touched:
      return cat(
          "yes: by the numbers of the rows, of which the rated ones come back in every "
          "round, and by ",
          values);
    case UploadIds::padded:
      return cat("yes: by ", values, "; by their numbers only among ",
                 config.privacy.upload_padding, " more");
    case UploadIds::dense:
      return cat("yes: by ", values, "; by their numbers no");
  }
  return "";
}

}  // namespace fedfuse
