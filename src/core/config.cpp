#include "core/config.hpp"

#include <algorithm>
#include <cmath>

#include "core/duration.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

void one_of(const char* option, const std::string& value, const std::vector<std::string>& allowed) {
  if (std::ranges::find(allowed, value) != allowed.end()) return;
  std::string list;
  for (const auto& a : allowed) list += (list.empty() ? "" : ", ") + a;
  throw InputError(cat("--", option, " ", value), "there is no such choice",
                   cat("use one of: ", list));
}

template <class T>
void require(bool good, const char* option, const T& value, const char* why,
             const char* what_to_do) {
  if (!good) throw InputError(cat("--", option, " ", value), why, what_to_do);
}

void at_least(const char* option, std::int64_t value, std::int64_t least) {
  if (value < least)
    throw InputError(cat("--", option, " ", value), cat("it must be at least ", least),
                     "give a larger value");
}

void finite_at_least(const char* option, double value, double least, bool strictly) {
  const bool good = std::isfinite(value) && (strictly ? value > least : value >= least);
  if (!good)
    throw InputError(cat("--", option, " ", value),
                     cat("it must be a finite number ", strictly ? "> " : ">= ", least),
                     "give a larger value");
}

void check_choices(const Config& c) {
  one_of("head-sharing", c.head_sharing, {"backbone", "never"});
  one_of("negatives", c.negatives, {"own-train", "own-all", "trained-items"});
  one_of("groups-by", c.groups_by, {"eigengap", "silhouette"});
  one_of("group-by", c.group_by, {"prediction", "random", "behaviour", "labels"});
  one_of("cluster", c.cluster, {"spectral", "kmeans"});
  one_of("teacher-batches", c.teacher_batches, {"items", "pairs"});
  one_of("teacher-optimizer", c.teacher_optimizer, {"adam", "sgd"});
  one_of("distill-schedule", c.distill_schedule, {"constant", "cosine"});
  one_of("distill-on", c.distill_on, {"all", "negatives"});
  one_of("server-optimizer", c.server_optimizer, {"adam", "sgd"});
  one_of("cold-items", c.cold_items, {"rank", "exclude"});
  one_of("device", c.device, {"auto", "cpu", "cuda", "emulated"});
  one_of("uploads", c.uploads, {"auto", "store", "replay"});
  one_of("client-state", c.client_state, {"auto", "host", "device"});
  for (const auto& view : c.views) one_of("views", view, {"sum", "mlp", "gate"});
}

void check_ranges(const Config& c) {
  require(c.dim >= 4 && c.dim <= 512 && c.dim % 4 == 0, "dim", c.dim,
          "the latent width must be a multiple of 4 from 4 to 512", "try --dim 64");
  at_least("rounds", c.rounds, 1);
  require(std::isfinite(c.fraction) && c.fraction > 0 && c.fraction <= 1, "fraction", c.fraction,
          "the share of clients sampled must be in (0, 1]", "try --fraction 1");
  at_least("local-epochs", c.local_epochs, 1);
  at_least("batch", c.batch, 1);
  at_least("negatives-per-positive", c.negatives_per_positive, 0);
  finite_at_least("lr", c.lr, 0, false);
  require(std::isfinite(c.lr_items), "lr-items", c.lr_items, "it must be a number",
          "leave it out for lr * items");
  finite_at_least("weight-decay", c.weight_decay, 0, false);
  finite_at_least("init-std", c.init_std, 0, false);
  finite_at_least("personal-init-std", c.personal_init_std, 0, false);
  finite_at_least("rap-alpha", c.rap_alpha, 0, false);
  finite_at_least("rap-beta", c.rap_beta, 0, false);
  at_least("eval-every", c.eval_every, 1);
  at_least("eval-clients", c.eval_clients, 0);
  at_least("patience", c.patience, 0);
  at_least("threads", c.threads, 0);
  at_least("save-every", c.save_every, 0);
  at_least("checkpoint-every", c.checkpoint_every, 0);
  require(c.time_budget.empty() || seconds_of(c.time_budget) > 0, "time-budget", c.time_budget,
          "it is no time", "try --time-budget 30m, or 1h30m");
  finite_at_least("memory-gib", c.memory_gib, 0, false);
}

void check_gfmfr(const Config& c) {
  at_least("groups", c.groups, 1);
  require(c.groups <= 1024, "groups", c.groups, "more than 1,024 groups are not supported",
          "use fewer groups");
  const bool bounds = (c.groups_min == 0 && c.groups_max == 0) ||
                      (c.groups_min >= 2 && c.groups_max >= c.groups_min);
  require(bounds, "groups-min", c.groups_min,
          "the bounds of an adaptive number of groups must satisfy 2 <= groups-min <= groups-max",
          "give both, or neither");
  require(c.pca_variance > 0 && c.pca_variance <= 1, "pca-variance", c.pca_variance,
          "a share of the variance is in (0, 1]", "1 switches PCA off");
  at_least("landmarks", c.landmarks, 16);
  at_least("regroup-every", c.regroup_every, 1);
  at_least("group-dim", c.group_dim, 1);
  at_least("teacher-epochs", c.teacher_epochs, 1);
  at_least("teacher-batch", c.teacher_batch, 1);
  finite_at_least("teacher-lr", c.teacher_lr, 0, false);
  finite_at_least("distill", c.distill, 0, false);
  at_least("distill-start", c.distill_start, 2);
}

void check_combinations(const Config& c) {
  if (c.views.empty() || c.views.size() > 3)
    throw InputError("--views", "between one and three views are sent", "use --views sum mlp gate");
  auto sorted = c.views;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end())
    throw InputError("--views", "a view is named twice", "name each once");
  if (c.candidates != "full") {
    const bool sampled =
        c.candidates.rfind("sampled:", 0) == 0 && c.candidates.size() > 8 &&
        c.candidates.size() < 18 &&
        std::ranges::all_of(
            c.candidates.substr(8), [](char ch) { return ch >= '0' && ch <= '9'; }) &&
        std::stoll(c.candidates.substr(8)) > 0;
    require(sampled, "candidates", c.candidates, "it is neither full nor sampled:N",
            "try --candidates sampled:99");
  }
}

}  // namespace

void validate(const Config& c) {
  check_choices(c);
  check_ranges(c);
  check_gfmfr(c);
  check_combinations(c);
}

void validate_against_data(const Config& c, std::int64_t clients, std::int64_t items, int ranks) {
  if (ranks > clients)
    throw InputError(cat(ranks, " ranks for ", clients, " clients"),
                     "a rank needs at least one client", cat("start at most ", clients, " ranks"));
  const bool teacher = c.fusion.find("gfmfr") != std::string::npos;
  const auto participants =
      std::max<std::int64_t>(1, std::int64_t(c.fraction * double(clients) + 0.5));
  const auto most_groups = std::max(c.groups, c.groups_max);
  if (teacher && most_groups > participants)
    throw InputError(cat("--groups ", most_groups),
                     cat("only ", participants, " clients take part in a round"),
                     "use fewer groups or a larger --fraction");
  constexpr std::int64_t largest_cutoff = 50;
  if (items < largest_cutoff)
    throw InputError(cat("a data set of ", items, " items"),
                     "the metrics look at the first 50 items",
                     "use a data set of at least 50 items");
  if (c.candidates != "full" && std::stoll(c.candidates.substr(8)) >= items)
    throw InputError(cat("--candidates ", c.candidates), cat("there are only ", items, " items"),
                     "sample fewer");
  if (c.eval_clients > clients)
    throw InputError(cat("--eval-clients ", c.eval_clients),
                     cat("there are only ", clients, " clients"), "use 0 for all");
}

}  // namespace fedfuse
