#include "clients/local_round.hpp"

#include <algorithm>
#include <cmath>

namespace fedfuse {

double item_rate(const Config& config, std::int64_t items) { return config.lr_items >= 0 ? config.lr_items : config.lr * double(items); }

LocalTrainer::LocalTrainer(const Config& config, const ModelSpec& spec, const Dataset& data, const Sampler& sampler)
    : spec_(spec), data_(data), sampler_(sampler), rap_alpha_(config.rap_alpha), rap_beta_(config.rap_beta) {
  shape_ = {spec.head, spec.router, spec.d, spec.views, spec.view_width, spec.rows_trained, spec.backbone.personal_rows};
  rates_.lr = float(config.lr);
  rates_.lr_items = float(item_rate(config, data.items));
  rates_.decay = float(config.weight_decay);
}

void LocalTrainer::gather_rows(const GlobalModel& global) {
  const int w = spec_.view_width;
  const std::size_t slots = samples_.items.size();
  rows_.resize(std::size_t(spec_.views) * slots * std::size_t(w));
  float* to = rows_.data();
  for (const auto& view : global.views)
    for (const auto item : samples_.items) to = std::copy_n(view.row(item), w, to);
}

// FedRAP: the stored row, or the decayed common start, or 0.
void LocalTrainer::gather_personal(std::int64_t local, const ClientState& state) {
  const int w = spec_.overlay_width();
  personal_.assign(samples_.items.size() * std::size_t(w), 0.0f);
  const auto stored = state.overlay.of(local);
  std::size_t at = 0;
  for (std::size_t s = 0; s < samples_.items.size(); ++s) {
    const auto item = samples_.items[s];
    float* to = personal_.data() + s * std::size_t(w);
    while (at < stored.ids.size() && stored.ids[at] < item) ++at;
    if (at < stored.ids.size() && stored.ids[at] == item) {
      std::copy_n(stored.rows + at * std::size_t(w), w, to);
    } else if (!state.base.empty()) {
      const float left = state.base_scale[std::size_t(local)];
      for (int k = 0; k < w; ++k) to[k] = left * state.base(item, k);
    }
  }
}

void LocalTrainer::gather_soft(std::span<const float> preferences) {
  soft_.resize(samples_.items.size());
  for (std::size_t s = 0; s < samples_.items.size(); ++s) soft_[s] = preferences[std::size_t(samples_.items[s])];
}

const LocalUpdate& LocalTrainer::train(std::int64_t local, std::int64_t round, const GlobalModel& global, const ClientState& state,
                                       const Distillation& distillation) {
  sampler_.draw(local, round, samples_);
  gather_rows(global);
  const float* theta = spec_.shares_head ? global.theta.data() : state.theta.row(local);
  theta_.assign(theta, theta + spec_.head.theta);
  user_.assign(state.user.row(local), state.user.row(local) + spec_.head.user);
  router_.assign(state.router.row(local), state.router.row(local) + spec_.router.size);
  if (shape_.personal) gather_personal(local, state);
  if (!shape_.rows_trained) view_grad_.resize(rows_.size());

  auto rates = rates_;
  const double warm = std::tanh(double(round) / 10.0);  // FedRAP's terms grow with the round, from their base values
  rates.rap_alpha = shape_.personal ? float(rap_alpha_ * warm) : 0.0f;
  rates.rap_beta = shape_.personal ? float(rap_beta_ * warm) : 0.0f;
  const auto group = state.group[std::size_t(local)];
  if (distillation.preferences != nullptr && group >= 0) {
    rates.lambda = float(distillation.lambda);
    rates.soft_negatives_only = distillation.negatives_only;
    gather_soft({distillation.preferences->row(group), std::size_t(data_.items)});
  }

  const local_train::Client client{int(samples_.items.size()),
                                   theta_.data(),
                                   user_.data(),
                                   router_.data(),
                                   rows_.data(),
                                   shape_.personal ? personal_.data() : nullptr,
                                   soft_.data(),
                                   shape_.rows_trained ? nullptr : view_grad_.data()};
  const local_train::Steps steps{samples_.begin, samples_.slot.data(), samples_.label.data()};
  update_.outcome = local_train::train(shape_, rates, steps, client, workspace_);
  update_.samples = samples_.distinct_entries;
  finish(global);
  return update_;
}

void LocalTrainer::finish(const GlobalModel& global) {
  const int w = spec_.view_width;
  const int steps = int(samples_.begin.size()) - 1;
  update_.items = samples_.items;
  update_.theta = theta_, update_.user = user_, update_.router = router_;
  update_.rho = std::pow(1.0 - double(rates_.lr_items) * double(rates_.decay), steps);
  update_.overlay = nullptr;
  if (spec_.backbone.personal_rows) {
    update_.overlay = personal_.data();
  } else if (spec_.has_overlay()) {  // PFedRec keeps the rows as trained
    personal_.assign(rows_.begin(), rows_.end());
    update_.overlay = personal_.data();
  }
  if (spec_.rows_trained) {
    const float rho = float(update_.rho);
    float* to = rows_.data();
    for (const auto item : samples_.items) {
      const float* shared = global.views.front().row(item);
      for (int k = 0; k < w; ++k) to[k] -= rho * shared[k];
      to += w;
    }
    update_.rows = rows_.data();
  } else {
    update_.rows = view_grad_.data();
  }
  const auto& o = update_.outcome;
  update_.finite = std::isfinite(o.loss) && std::ranges::all_of(theta_, [](float x) { return std::isfinite(x); });
}

}  // namespace fedfuse
