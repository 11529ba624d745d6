#include "core/config/federation.hpp"

#include <algorithm>
#include <cmath>

#include "core/config/check.hpp"

namespace fedfuse {
namespace {

// -1 stands for the default.
void rate_or_default(const char* option, double rate) {
  if (rate != -1) finite_at_least(option, rate, 0);
}

}  // namespace

void validate(const FederationOptions& o) {
  within("rounds", o.rounds, 1, most_counted);
  require(std::isfinite(o.fraction) && o.fraction > 0 && o.fraction <= 1, "fraction", o.fraction,
          "the share of clients sampled must be in (0, 1]", "try --fraction 1");
  within("local-epochs", o.local_epochs, 1, most_counted);
  within("batch", o.batch, 1, most_counted);
  within("negatives-per-positive", o.negatives_per_positive, 0, most_counted);
  rate_or_default("lr", o.lr);
  rate_or_default("lr-items", o.lr_items);
  rate_or_default("lr-items-server", o.lr_items_server);
  const auto is_decay = [](double x) { return std::isfinite(x) && x > 0 && x <= 1; };
  require(is_decay(o.lr_decay), "lr-decay", o.lr_decay, "a factor a round is in (0, 1]",
          "1 keeps the rate");
  require(is_decay(o.lr_items_decay), "lr-items-decay", o.lr_items_decay,
          "a factor a round is in (0, 1]", "1 keeps the rate");
  finite_at_least("weight-decay", o.weight_decay, 0);
}

std::int64_t participants_of_round(const FederationOptions& options, std::int64_t clients) {
  return std::max<std::int64_t>(1, std::llround(options.fraction * double(clients)));
}

}  // namespace fedfuse
