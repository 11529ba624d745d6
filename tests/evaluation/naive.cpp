#include "tests/evaluation/naive.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/head_score.hpp"
#include "model/init.hpp"

namespace fedfuse::test {
namespace {

std::vector<std::int32_t> pick(RngStream& rng, std::int64_t from, std::size_t count) {
  std::set<std::int32_t> chosen;
  while (chosen.size() < count) chosen.insert(std::int32_t(rng.below(std::uint32_t(from))));
  return {chosen.begin(), chosen.end()};
}

void fill(float* values, std::int64_t n, std::uint64_t who, double scale) {
  const Rng rng(77, Purpose::test);
  RngStream stream(rng, who, 1);
  for (std::int64_t j = 0; j < n; ++j) values[j] = float(scale * (2 * stream.uniform() - 1));
}

std::vector<double> dense(const float* W, const float* b, int out, const std::vector<double>& x,
                          bool relu) {
  std::vector<double> y;
  for (int o = 0; o < out; ++o) {
    double s = double(b[o]);
    for (std::size_t k = 0; k < x.size(); ++k) s += double(W[std::size_t(o) * x.size() + k]) * x[k];
    y.push_back(relu ? std::max(0.0, s) : s);
  }
  return y;
}

}  // namespace

Dataset make_data(std::int64_t clients, std::int64_t items, std::int64_t items_trained,
                  const Comm& comm) {
  Dataset data;
  data.clients = clients;
  data.items = items;
  data.popularity.assign(std::size_t(items), 0);
  data.offsets = {0};
  const Rng rng(5, Purpose::test);
  for (std::int64_t u = 0; u < clients; ++u) {
    RngStream stream(rng, std::uint64_t(u), 0);
    const auto positives = pick(stream, items_trained, 3 + stream.below(9));
    for (const auto i : positives) ++data.popularity[std::size_t(i)];
    const auto held_out = [&] {
      for (;;) {
        const auto i = std::int32_t(stream.below(std::uint32_t(items)));
        if (!std::ranges::binary_search(positives, i)) return i;
      }
    };
    const auto valid = held_out();
    auto test = held_out();
    while (test == valid) test = held_out();
    if (u % comm.size() != comm.rank()) continue;
    data.client_ids.push_back(std::int32_t(u));
    data.train.insert(data.train.end(), positives.begin(), positives.end());
    data.offsets.push_back(std::int64_t(data.train.size()));
    // a client of two interactions has nothing held out
    data.valid.push_back(u % 9 == 8 ? -1 : valid);
    data.test.push_back(u % 9 == 8 ? -1 : test);
    data.label.push_back(-1);
  }
  data.heaviest_first.resize(data.client_ids.size());
  std::iota(data.heaviest_first.begin(), data.heaviest_first.end(), 0);
  std::ranges::stable_sort(data.heaviest_first, std::greater{},
                           [&](std::int32_t u) { return data.positives(u).size(); });
  return data;
}

Federation make_federation(const Config& config, const Dataset& data) {
  Federation f;
  f.spec = resolve(config);
  const double weight = 1.0 / std::sqrt(double(f.spec.d));
  for (int j = 0; j < f.spec.views; ++j) {
    f.global.views.emplace_back(data.items, f.spec.view_width);
    fill(f.global.views.back().data(), std::int64_t(f.global.views.back().size()),
         1000001 + std::uint64_t(j), 1.0);
  }
  f.global.theta.resize(std::size_t(f.spec.head.theta));
  fill(f.global.theta.data(), f.spec.head.theta, 1000000, weight);
  f.state = init_client_state(f.spec, config, data);
  if (f.spec.has_prior()) {
    f.global.prior = Matrix<float>(data.items, f.spec.prior_groups);
    fill(f.global.prior.data(), std::int64_t(f.global.prior.size()), 1000020, 1.0);
  }
  if (!f.state.base.empty())
    fill(f.state.base.data(), std::int64_t(f.state.base.size()), 1000010, 0.5);
  for (std::int64_t u = 0; u < data.local_clients(); ++u) {
    const auto id = std::uint64_t(data.client_ids[std::size_t(u)]);
    if (!f.spec.shares_head) fill(f.state.theta.row(u), f.spec.head.theta, 10 * id, weight);
    fill(f.state.user.row(u), f.spec.head.user, 10 * id + 1, 1.0);
    fill(f.state.router.row(u), f.spec.router.size, 10 * id + 2, weight);
    fill(f.state.shares.row(u), f.spec.prior_groups, 10 * id + 4, 0.5);
    if (!f.state.base.empty()) f.state.base_scale[std::size_t(u)] = 1.0f - 0.01f * float(id);
    if (!f.spec.has_overlay()) continue;
    const Rng rng(6, Purpose::test);
    RngStream stream(rng, id, 0);
    const auto ids = pick(stream, data.items, stream.below(30));
    Matrix<float> rows(std::int64_t(ids.size()), f.spec.overlay_width());
    fill(rows.data(), std::int64_t(rows.size()), 10 * id + 3, 1.0);
    f.state.overlay.replace(u, ids, rows.data());
  }
  return f;
}

std::vector<double> Naive::omega(std::int64_t client) const {
  const auto& spec = model.spec;
  if (!spec.has_router) return {1.0};
  const auto& r = spec.router;
  const float* p = model.state.router.row(client);
  std::vector<double> mean(std::size_t(spec.views), 0.0);
  for (const auto i : data.positives(client)) {
    std::vector<double> x;
    for (const auto& view : model.global.views)
      x.insert(x.end(), view.row(i), view.row(i) + spec.d);
    auto logits = dense(p + r.Phi2, p + r.phi2, spec.views,
                        dense(p + r.Phi1, p + r.phi1, spec.d, x, true), false);
    double total = 0;
    for (auto& l : logits) total += l = std::exp(l);
    for (std::size_t j = 0; j < mean.size(); ++j)
      mean[j] += logits[j] / total / double(data.positives(client).size());
  }
  return mean;
}

std::vector<double> Naive::row(std::int64_t client, std::int64_t item,
                               const std::vector<double>& omega) const {
  const auto& spec = model.spec;
  std::vector<double> z(std::size_t(spec.view_width), 0.0);
  for (std::size_t k = 0; k < z.size(); ++k)
    for (std::size_t j = 0; j < omega.size(); ++j)
      z[k] += omega[j] * double(model.global.views[j](item, std::int64_t(k)));
  if (!spec.has_overlay()) return z;
  const auto own = model.state.overlay.of(client);
  const auto at = std::ranges::find(own.ids, std::int32_t(item));
  const float* mine =
      at == own.ids.end() ? nullptr : own.rows + (at - own.ids.begin()) * spec.overlay_width();
  for (std::size_t k = 0; k < z.size(); ++k) {
    if (spec.backbone.keeps_tuned_rows) {
      if (mine != nullptr) z[k] = double(mine[k]);
    } else if (mine != nullptr) {
      z[k] += double(mine[k]);
    } else if (!model.state.base.empty()) {
      z[k] += double(model.state.base_scale[std::size_t(client)]) *
              double(model.state.base(item, std::int64_t(k)));
    }
  }
  return z;
}

double Naive::head(std::int64_t client, const std::vector<double>& z) const {
  const auto& h = model.spec.head;
  const float* t =
      model.spec.shares_head ? model.global.theta.data() : model.state.theta.row(client);
  const float* u = model.state.user.row(client);
  const std::vector<double> theta(t, t + h.theta), user(u, u + h.user);
  auto whole = z;  // d-wide rows feed both halves
  if (std::int64_t(z.size()) < h.item_width) whole.insert(whole.end(), z.begin(), z.end());
  return head_score(h, theta.data(), user.data(), whole);
}

double Naive::prior(std::int64_t client, std::int64_t item) const {
  double sum = 0;
  for (std::int64_t l = 0; l < model.spec.prior_groups && model.spec.prior_in_score; ++l)
    sum += double(model.state.shares(client, l)) * double(model.global.prior(item, l));
  return sum;
}

std::vector<double> Naive::scores(std::int64_t client) const {
  const auto w = omega(client);
  std::vector<double> s;
  for (std::int64_t i = 0; i < data.items; ++i)
    s.push_back(head(client, row(client, i, w)) + prior(client, i));
  return s;
}

int naive_rank(const std::vector<double>& scores, std::int32_t held, const Items& candidates) {
  int higher = 0, tied = 0;
  for (const auto i : candidates) {
    if (i == held) continue;
    higher += scores[std::size_t(i)] > scores[std::size_t(held)];
    tied += scores[std::size_t(i)] == scores[std::size_t(held)];
  }
  return 1 + higher + (tied + 1) / 2;
}

Items full_candidates(const Dataset& data, std::int64_t client, bool test) {
  Items items;
  for (std::int32_t i = 0; i < std::int32_t(data.items); ++i) items.insert(i);
  for (const auto i : data.positives(client)) items.erase(i);
  if (test) items.erase(data.valid[std::size_t(client)]);
  return items;
}

Evaluation naive_evaluation(const Dataset& data, const NaiveProtocol& protocol) {
  Evaluation e;
  for (const bool test : {false, true}) {
    auto& split = test ? e.test : e.valid;
    for (std::int64_t u = 0; u < data.local_clients(); ++u) {
      const auto held = (test ? data.test : data.valid)[std::size_t(u)];
      if (held < 0 || !protocol.evaluated(u, test)) continue;
      const int rank = naive_rank(protocol.scores(u), held, protocol.candidates(u, test));
      for (auto* m :
           {&split.all, data.popularity[std::size_t(held)] == 0 ? &split.cold : &split.warm}) {
        ++m->clients;
        for (std::size_t k = 0; k < cutoffs.size(); ++k) {
          m->hr[k] += rank <= cutoffs[k];
          m->ndcg[k] += rank <= cutoffs[k] ? 1 / std::log2(1.0 + rank) : 0;
        }
      }
    }
    for (auto* m : {&split.all, &split.warm, &split.cold})
      for (std::size_t k = 0; k < cutoffs.size(); ++k) {
        m->hr[k] /= double(m->clients);
        m->ndcg[k] /= double(m->clients);
      }
  }
  return e;
}

void expect_equal(const Evaluation& got, const Evaluation& want, double tolerance) {
  const auto compare = [&](const Metrics& a, const Metrics& b, const char* what) {
    EXPECT_EQ(a.clients, b.clients) << what;
    for (std::size_t k = 0; k < cutoffs.size(); ++k) {
      EXPECT_EQ(std::isnan(a.hr[k]), a.clients == 0) << what;
      EXPECT_EQ(std::isnan(a.ndcg[k]), a.clients == 0) << what;
      if (a.clients == 0) continue;
      EXPECT_NEAR(a.hr[k], b.hr[k], tolerance) << what << " HR@" << cutoffs[k];
      EXPECT_NEAR(a.ndcg[k], b.ndcg[k], tolerance) << what << " NDCG@" << cutoffs[k];
    }
  };
  compare(got.valid.all, want.valid.all, "valid");
  compare(got.valid.warm, want.valid.warm, "valid warm");
  compare(got.valid.cold, want.valid.cold, "valid cold");
  compare(got.test.all, want.test.all, "test");
  compare(got.test.warm, want.test.warm, "test warm");
  compare(got.test.cold, want.test.cold, "test cold");
  EXPECT_EQ(got.skipped_cold, want.skipped_cold);
}

}  // namespace fedfuse::test
