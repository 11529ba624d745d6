#include "clients/local_round.hpp"

#include <algorithm>
#include <cmath>

#include "core/finite.hpp"
#include "core/tile_math.hpp"

namespace fedfuse {

namespace {

bool by_counts(const Config& config) { return config.federation.item_update == ItemUpdate::counts; }

// What is left of a rate in a round; they count from 1.
double decayed(double factor, std::int64_t round) { return std::pow(factor, double(round - 1)); }

}  // namespace

double head_rate(const Config& config) {
  if (config.federation.lr >= 0) return config.federation.lr;
  switch (find_fusion(config.model.fusion).views) {
    case ViewsKind::mlp:
      return 0.01;
    case ViewsKind::multiview:
      return 0.1;
    case ViewsKind::table:
      break;
  }
  return 0.3;
}

double item_rate(const Config& config, std::int64_t items) {
  constexpr double of_counts = 0.1;
  const auto& o = config.federation;
  if (o.lr_items >= 0) return o.lr_items;
  return by_counts(config) ? of_counts : head_rate(config) * double(items);
}

double item_server_rate(const Config& config) {
  constexpr double alone = 8.0, over_prior = 1.0;
  const auto& o = config.federation;
  if (o.lr_items_server >= 0) return o.lr_items_server;
  return adds_prior(config) ? over_prior : alone;
}

Config with_rates(Config config, std::int64_t items) {
  auto& rates = config.federation;
  rates.lr_items = item_rate(config, items);
  rates.lr_items_server = item_server_rate(config);
  rates.lr = head_rate(config);
  return config;
}

double item_rate(const Config& config, std::int64_t items, std::int64_t round) {
  return item_rate(config, items) * decayed(config.federation.lr_items_decay, round);
}

local_train::Shape shape_of(const ModelSpec& spec) {
  return {.head = spec.head,
          .router = spec.router,
          .d = spec.d,
          .views = spec.views,
          .width = spec.view_width,
          .rows_trained = spec.rows_trained,
          .personal = spec.backbone.personal_rows};
}

local_train::Rates rates_of(const Config& config, const ModelSpec& spec, std::int64_t items,
                            std::int64_t round) {
  local_train::Rates rates;
  rates.lr = float(head_rate(config) * decayed(config.federation.lr_decay, round));
  rates.lr_items = float(item_rate(config, items, round));
  rates.rows_by_sum = by_counts(config);
  rates.decay = float(config.federation.weight_decay);
  rates.router_learns = config.fedvlr.router == RouterWeights::learned;
  // FedRAP's terms grow with the round, from their base values
  const double warm = std::tanh(double(round) / 10.0);
  rates.rap_alpha = spec.backbone.personal_rows ? float(config.model.rap_alpha * warm) : 0.0f;
  rates.rap_beta = spec.backbone.personal_rows ? float(config.model.rap_beta * warm) : 0.0f;
  return rates;
}

float virtual_row_rate(const local_train::Rates& rates, std::int64_t samples, std::int64_t steps) {
  if (!rates.rows_by_sum || steps == 0) return rates.lr_items;
  return rates.lr_items * float(double(samples) / double(steps));
}

void gather_personal(const ClientState& state, std::int64_t local,
                     std::span<const std::int32_t> items, float* to) {
  const auto w = std::size_t(state.overlay.width());
  const auto stored = state.overlay.of(local);
  std::size_t at = 0;
  for (const auto item : items) {
    while (at < stored.ids.size() && stored.ids[at] < item) ++at;
    if (at < stored.ids.size() && stored.ids[at] == item) {
      std::copy_n(stored.rows + at * w, w, to);
    } else if (!state.base.empty()) {
      const float left = state.base_scale[std::size_t(local)];
      for (std::size_t k = 0; k < w; ++k) to[k] = left * state.base(item, std::int64_t(k));
    } else {
      std::fill_n(to, w, 0.0f);
    }
    to += w;
  }
}

bool keeps_finite_rows(const ClientState& state, std::int64_t local, double rho) {
  const float share = float(rho);
  const auto stored = state.overlay.of(local);
  const auto width = std::size_t(state.overlay.width());
  for (const float x : std::span(stored.rows, stored.ids.size() * width))
    if (!std::isfinite(x * share)) return false;
  if (state.base.empty()) return true;
  // the largest normal draw is far below 2^10
  return std::isfinite(state.base_scale[std::size_t(local)] * share * 0x1p10f);
}

LocalTrainer::LocalTrainer(const Config& config, const ModelSpec& spec, const Dataset& data,
                           const Sampler& sampler, const Kernels& kernels)
    : config_(config),
      spec_(spec),
      data_(data),
      sampler_(sampler),
      train_(kernels.train),
      shape_(shape_of(spec)),
      sender_(config, spec, data) {}

void LocalTrainer::gather_rows(const GlobalModel& global) {
  const int w = spec_.view_width;
  const std::size_t slots = samples_.items.size();
  rows_.resize(std::size_t(spec_.views) * slots * std::size_t(w));
  float* to = rows_.data();
  for (const auto& view : global.views)
    for (const auto item : samples_.items) to = std::copy_n(view.row(item), w, to);
}

void LocalTrainer::gather_soft(std::span<const float> preferences) {
  soft_.resize(samples_.items.size());
  for (std::size_t s = 0; s < samples_.items.size(); ++s)
    soft_[s] = preferences[std::size_t(samples_.items[s])];
}

// The offset of each slot.
void LocalTrainer::gather_prior(const GroupPrior& prior, std::int64_t local) {
  const auto& L = *prior.logits;
  const float* shares = prior.shares->row(local);
  prior_.resize(samples_.items.size());
  for (std::size_t s = 0; s < prior_.size(); ++s) {
    const float* logits = L.row(samples_.items[s]);
    float sum = 0.0f;
    for (std::int64_t l = 0; l < L.cols; ++l) sum = tilemath::madd(sum, shares[l], logits[l]);
    prior_[s] = sum;
  }
}

// What this turn reads of the server's teacher: soft labels of a group, or a prior.
void LocalTrainer::gather_teacher(const Distillation& from, std::int64_t local,
                                  std::int32_t group) {
  prior_.clear();
  const bool has_prior = from.prior.logits != nullptr;
  const bool distils_prior = has_prior && from.prior.use == PriorUse::soft_labels,
             distils_group = from.preferences != nullptr && group >= 0;
  if (has_prior) gather_prior(from.prior, local);
  if (!distils_prior && !distils_group) return;
  rates_.lambda = float(from.lambda);
  rates_.soft_negatives_only = from.negatives_only;
  if (distils_group) gather_soft({from.preferences->row(group), std::size_t(data_.items)});
  if (!distils_prior) return;
  soft_.swap(prior_);
  for (float& t : soft_) t = float(1.0 / (1.0 + std::exp(-double(t))));
  prior_.clear();
}

const LocalUpdate& LocalTrainer::train(std::int64_t local, std::int64_t round,
                                       const GlobalModel& global, const ClientState& state,
                                       const Distillation& distillation) {
  sampler_.draw(local, round, samples_);
  if (sender_.flips_labels(local))
    for (float& label : samples_.label) label = 1.0f - label;
  gather_rows(global);
  if (spec_.rows_trained && !sends_change()) start_.assign(rows_.begin(), rows_.end());
  const float* theta = spec_.shares_head ? global.theta.data() : state.theta.row(local);
  theta_.assign(theta, theta + spec_.head.theta);
  user_.assign(state.user.row(local), state.user.row(local) + spec_.head.user);
  router_.assign(state.router.row(local), state.router.row(local) + spec_.router.size);
  if (shape_.personal) {
    personal_.resize(samples_.items.size() * std::size_t(spec_.overlay_width()));
    gather_personal(state, local, samples_.items, personal_.data());
  }
  if (!shape_.rows_trained) view_grad_.resize(rows_.size());

  rates_ = rates_of(config_, spec_, data_.items, round);
  gather_teacher(distillation, local, state.group[std::size_t(local)]);

  const local_train::Client client{.slots = int(samples_.items.size()),
                                   .theta = theta_.data(),
                                   .user = user_.data(),
                                   .router = router_.data(),
                                   .rows = rows_.data(),
                                   .personal = shape_.personal ? personal_.data() : nullptr,
                                   .soft = soft_.data(),
                                   .view_grad = shape_.rows_trained ? nullptr : view_grad_.data(),
                                   .prior = prior_.empty() ? nullptr : prior_.data(),
                                   .as_change = sends_change()};
  const local_train::Steps steps{samples_.begin, samples_.slot.data(), samples_.label.data(),
                                 std::int64_t(samples_.items.size()) < samples_.distinct_entries,
                                 sampler_.rules().one_batch(samples_.distinct_entries)};
  update_.outcome = train_(shape_, rates_, steps, client, workspace_, {});
  update_.samples = samples_.distinct_entries;
  count_turn();
  finish(global, local, round);
  if (shape_.personal && std::abs(update_.rho) > 1)
    update_.finite = update_.finite && keeps_finite_rows(state, local, update_.rho);
  return update_;
}

// begin: of all steps of all epochs.
void LocalTrainer::count_turn() {
  const local_train::Problem all{.shape = shape_,
                                 .samples = samples_.begin.back(),
                                 .epochs = 1,
                                 .slots = std::int64_t(samples_.items.size()),
                                 .steps = std::int64_t(samples_.begin.size()) - 1};
  turns_ += {1, all.samples, std::llround(all.flops())};
}

void LocalTrainer::finish(const GlobalModel& global, std::int64_t local, std::int64_t round) {
  update_.items = samples_.items;
  update_.theta = theta_;
  update_.user = user_;
  update_.router = router_;
  const auto steps = std::int64_t(samples_.begin.size()) - 1;
  update_.rho = local_train::untouched_share(rates_, steps);
  update_.virtual_rate = virtual_row_rate(rates_, samples_.begin.back(), steps);
  update_.overlay = nullptr;
  if (spec_.backbone.personal_rows) {
    update_.overlay = personal_.data();
  } else if (spec_.has_overlay()) {  // PFedRec keeps the rows as trained
    personal_.assign(rows_.begin(), rows_.end());
    update_.overlay = personal_.data();
    local_train::subtract_start(rates_, steps, start_.data(), long(start_.size()), rows_.data());
  }
  update_.rows = spec_.rows_trained ? rows_.data() : view_grad_.data();
  send(global, local, round);
  const bool has_personal = shape_.personal;
  update_.finite = std::isfinite(update_.outcome.loss) && all_finite(theta_) && all_finite(user_) &&
                   all_finite(router_) && (!has_personal || all_finite(personal_));
}

// What goes to the server, as one vector; what stays on the client is not part of it. A second pass
// sees the same bits (R10).
void LocalTrainer::send(const GlobalModel& global, std::int64_t local, std::int64_t round) {
  change_.clear();
  update_.sent_theta = theta_;
  if (spec_.head_as_change) {
    change_ = theta_;
    for (std::size_t k = 0; k < change_.size(); ++k) change_[k] -= global.theta[k];
    update_.sent_theta = change_;
  }
  Parcel parcel{samples_.items, spec_.rows_trained ? rows_ : view_grad_, change_};
  sender_.send(local, round, parcel);
  update_.items = parcel.items;
  update_.rows = parcel.rows.data();
  update_.clip = parcel.clip;
}

}  // namespace fedfuse
