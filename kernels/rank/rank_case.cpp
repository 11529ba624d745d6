#include "kernels/rank/rank_case.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/rng.hpp"

namespace fedfuse::rank {
namespace {

class Draw {
 public:
  Draw(const Rng& rng, std::uint64_t who, bool exact) : stream_(rng, who, 0), exact_(exact) {}
  // Exact: -1/2, 0 or 1/2. Else uniform in (-scale, scale).
  float value(double scale) {
    return exact_ ? 0.5f * (float(stream_.below(3)) - 1.0f)
                  : float(scale * (2 * stream_.uniform() - 1));
  }
  template <class Values>
  void fill(Values&& values, double scale) {
    for (float& x : values) x = value(scale);
  }
  std::vector<std::int32_t> subset(std::int64_t items, int count,
                                   const std::set<std::int32_t>& without = {}) {
    std::set<std::int32_t> ids;
    const auto most = items - std::int64_t(without.size());
    while (std::int64_t(ids.size()) < std::min<std::int64_t>(count, most)) {
      const auto id = item(items);
      if (!without.contains(id)) ids.insert(id);
    }
    return {ids.begin(), ids.end()};
  }
  std::int32_t item(std::int64_t items) {
    return std::int32_t(stream_.below(std::uint32_t(items)));
  }

 private:
  RngStream stream_;
  bool exact_;
};

}  // namespace

Case::Case(const CaseShape& s)
    : shape_(s),
      views_(std::size_t(s.views)),
      row_ids_(std::size_t(s.clients)),
      dropped_(std::size_t(s.clients)),
      candidates_(std::size_t(s.clients)) {
  const Rng rng(s.seed, Purpose::test);
  Draw shared(rng, 0, s.exact);
  model_.head = head_layout(s.head, s.d);
  model_.items = s.items;
  model_.views = s.views;
  model_.width = s.wide ? model_.head.item_width : s.d;
  for (int j = 0; j < s.views; ++j) {
    auto& view = views_[std::size_t(j)];
    view = Matrix<float>(s.items, model_.width);
    shared.fill(view.values, 1.0);
    model_.view[j] = view.data();
  }
  const double weight = 1.0 / std::sqrt(double(s.d));
  theta_ = Matrix<float>(s.shared_head ? 1 : s.clients, model_.head.theta);
  shared.fill(theta_.values, weight);
  if (s.shared_head) model_.theta = theta_.data();
  if (s.base) {
    base_ = Matrix<float>(s.items, model_.width);
    shared.fill(base_.values, 0.5);
    model_.base = base_.data();
  }
  excluded_ = shared.subset(s.items, s.excluded);
  model_.excluded = excluded_;
  model_.own_rows = s.own_rows;
  user_ = Matrix<float>(s.clients, model_.head.user);
  omega_ = Matrix<float>(s.clients, s.views);
  rows_.resize(std::size_t(s.clients * s.own * model_.width));
  clients_.resize(std::size_t(s.clients));
  for (std::size_t u = 0; u < clients_.size(); ++u) {
    Draw own(rng, u + 1, s.exact);
    auto& c = clients_[u];
    c.theta = s.shared_head ? nullptr : theta_.row(std::int64_t(u));
    own.fill(std::span(user_.row(std::int64_t(u)), std::size_t(model_.head.user)), 1.0);
    c.user = user_.row(std::int64_t(u));
    for (int j = 0; j < s.views; ++j)
      omega_(std::int64_t(u), j) =
          s.exact ? 0.25f * float(1 + own.item(3)) : 1.0f / float(s.views) + 0.1f * own.value(1.0);
    c.omega = omega_.row(std::int64_t(u));
    c.base_scale = s.exact ? 0.5f : 0.9f;
    c.valid = own.item(s.items);
    c.test = (c.valid + 1 + own.item(s.items - 1)) % std::int32_t(s.items);
    if (u % 7 == 5) c.valid = -1;
    if (u % 7 == 6) c.test = -1;
    dropped_[u] = own.subset(s.items, s.dropped, {c.valid, c.test});
    c.dropped = dropped_[u];
    if (s.own_rows != OwnRows::none) {
      row_ids_[u] = own.subset(s.items, u % 5 == 4 ? 0 : s.own);
      c.row_ids = row_ids_[u];
      c.rows = rows_.data() + std::int64_t(u) * s.own * model_.width;
    }
    if (s.sampled > 0) {
      std::set<std::int32_t> without(dropped_[u].begin(), dropped_[u].end());
      without.insert({c.valid, c.test});
      candidates_[u] = own.subset(s.items, s.sampled, without);
      c.candidates = candidates_[u];
      c.sampled = true;
    }
  }
  Draw(rng, std::uint64_t(s.clients) + 1, s.exact).fill(rows_, 0.5);
  if (s.groups > 0) add_prior(rng);
}

void Case::add_prior(const Rng& rng) {
  Draw draw(rng, std::uint64_t(shape_.clients) + 2, shape_.exact);
  prior_ = Matrix<float>(shape_.items, shape_.groups);
  draw.fill(prior_.values, 2.0);
  shares_ = Matrix<float>(shape_.clients, shape_.groups);
  draw.fill(shares_.values, 1.0);
  model_.prior = prior_.data();
  model_.prior_groups = shape_.groups;
  for (std::size_t u = 0; u < clients_.size(); ++u)
    clients_[u].shares = shares_.row(std::int64_t(u));
}

}  // namespace fedfuse::rank
