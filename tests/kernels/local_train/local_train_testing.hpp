#pragma once
// What the tests of local_train share: cases of any shape, trained by the reference and by a
// variant, and compared.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/rng.hpp"
#include "kernels/local_train/local_train_ref.hpp"
#include "tests/kernels/local_train/local_train_golden.hpp"
#include "tests/support/inputs.hpp"

namespace fedfuse::test {

inline void expect_close(const std::vector<double>& want, const std::vector<double>& got,
                         double relative, const std::string& what) {
  ASSERT_EQ(want.size(), got.size()) << what;
  double largest = 0;
  for (const double x : want) largest = std::max(largest, std::abs(x));
  for (std::size_t k = 0; k < want.size(); ++k)
    ASSERT_NEAR(want[k], got[k], relative * (std::abs(want[k]) + 0.1 * largest) + 1e-300)
        << what << " element " << k;
}

struct Trained {
  local_train::DenseClient client;
  std::vector<double> view_grad, loss;
};

inline Trained by_reference(const ClientCase& c) {
  Trained t{c.client, {}, {}};
  t.loss = local_train::reference_train(c.shape, c.rates, t.client, c.steps, t.view_grad);
  return t;
}

// How a variant is asked: what is said of the steps, and what comes back of the rows.
struct Asked {
  bool repeats = true, same = false, as_change = false;
};

// A variant works on slots (R1): gather the touched rows, train, and put them over the decayed
// table.
inline Trained by_variant(const ClientCase& c, const local_train::Variant& variant,
                          const Asked& asked = {}) {
  std::vector<std::int32_t> items;
  for (const auto& step : c.steps.items)
    for (const auto i : step) items.push_back(std::int32_t(i));
  std::ranges::sort(items);
  items.erase(std::ranges::unique(items).begin(), items.end());
  const std::size_t slots = items.size(), w = std::size_t(c.shape.width),
                    J = std::size_t(c.shape.views), M = std::size_t(c.client.items);
  Array<float> theta(c.client.theta.begin(), c.client.theta.end()),
      user(c.client.user.begin(), c.client.user.end()),
      router(c.client.router.begin(), c.client.router.end()), rows(J * slots * w),
      personal(slots * w), soft(slots), grad(J * slots * w, NAN);
  for (std::size_t s = 0; s < slots; ++s) {
    const std::size_t i = std::size_t(items[s]);
    for (std::size_t j = 0; j < J; ++j)
      for (std::size_t k = 0; k < w; ++k)
        rows[(j * slots + s) * w + k] = float(c.client.table[(j * M + i) * w + k]);
    for (std::size_t k = 0; k < w && c.shape.personal; ++k)
      personal[s * w + k] = float(c.client.personal[i * w + k]);
    soft[s] = float(c.client.soft[i]);
  }
  std::vector<std::int32_t> begin{0}, slot;
  std::vector<float> label;
  for (std::size_t k = 0; k < c.steps.items.size(); ++k) {
    for (std::size_t e = 0; e < c.steps.items[k].size(); ++e) {
      slot.push_back(std::int32_t(
          std::ranges::lower_bound(items, std::int32_t(c.steps.items[k][e])) - items.begin()));
      label.push_back(float(c.steps.labels[k][e]));
    }
    begin.push_back(std::int32_t(slot.size()));
  }
  const local_train::Rates rates{
      float(c.rates.lr),       float(c.rates.lr_items),     float(c.rates.decay),
      float(c.rates.lambda),   c.rates.soft_negatives_only, float(c.rates.rap_alpha),
      float(c.rates.rap_beta), c.rates.rows_by_sum,         c.rates.router_learns};
  local_train::Client client{int(slots),  theta.data(),
                             user.data(), router.data(),
                             rows.data(), c.shape.personal ? personal.data() : nullptr,
                             soft.data(), c.shape.rows_trained ? nullptr : grad.data()};
  Array<float> prior;
  for (const auto i : items)
    if (!c.client.prior.empty()) prior.push_back(float(c.client.prior[std::size_t(i)]));
  if (!prior.empty()) client.prior = prior.data();
  local_train::Workspace ws;
  std::vector<float> loss(c.steps.items.size());
  client.as_change = asked.as_change;
  const Array<float> before = rows;
  (void)variant.run(c.shape, rates, {begin, slot.data(), label.data(), asked.repeats, asked.same},
                    client, ws, loss);

  Trained t{c.client, std::vector<double>(c.client.table.size(), 0.0), {loss.begin(), loss.end()}};
  t.client.theta.assign(theta.begin(), theta.end());
  t.client.user.assign(user.begin(), user.end());
  t.client.router.assign(router.begin(), router.end());
  const double rho = std::pow(1 - c.rates.lr_items * c.rates.decay, double(c.steps.items.size()));
  for (std::size_t k = 0; k < rows.size() && asked.as_change; ++k)
    rows[k] += float(rho) * before[k];
  if (c.shape.rows_trained)
    for (auto& x : t.client.table) x *= rho;
  for (auto& x : t.client.personal) x *= rho;
  for (std::size_t s = 0; s < slots; ++s)
    for (std::size_t k = 0; k < w; ++k) {
      const std::size_t i = std::size_t(items[s]);
      for (std::size_t j = 0; j < J; ++j) {
        if (c.shape.rows_trained)
          t.client.table[(j * M + i) * w + k] = rows[(j * slots + s) * w + k];
        else
          t.view_grad[(j * M + i) * w + k] = grad[(j * slots + s) * w + k];
      }
      if (c.shape.personal) t.client.personal[i * w + k] = personal[s * w + k];
    }
  return t;
}

inline void expect_same(const ClientCase& c, const Trained& want, const Trained& got,
                        double relative, const std::string& what) {
  expect_close(want.loss, got.loss, relative, what + " loss");
  expect_close(want.client.theta, got.client.theta, relative, what + " theta");
  expect_close(want.client.user, got.client.user, relative, what + " user");
  expect_close(want.client.router, got.client.router, relative, what + " router");
  expect_close(want.client.personal, got.client.personal, relative, what + " P");
  if (c.shape.rows_trained)
    expect_close(want.client.table, got.client.table, relative, what + " table");
  else
    expect_close(want.view_grad, got.view_grad, relative, what + " view_grad");
}

// Random cases of any shape.
struct Options {
  HeadKind head;
  int d, views;
  bool trained, personal;
  double decay, lambda;
  bool negatives_only;
  int samples, batch, epochs;
  bool by_sum = false;
};
inline ClientCase random_case(const Options& o, std::uint64_t seed) {
  const Rng rng(seed, Purpose::test);
  RngStream stream(rng, 1, 0);
  std::uint32_t index = 0;
  const auto fill = [&](std::vector<double>& v, std::size_t n, double scale) {
    v.resize(n);
    for (auto& x : v) x = scale * rng.normal(2, 0, index++);
  };
  ClientCase c;
  c.shape.head = head_layout(o.head, o.d);
  c.shape.d = o.d;
  c.shape.views = o.views;
  c.shape.rows_trained = o.trained;
  c.shape.personal = o.personal;
  c.shape.width = o.trained ? c.shape.head.item_width : o.d;
  if (o.views > 1) c.shape.router = router_layout(o.views, o.d);
  c.rates = {0.05,
             0.3,
             o.decay,
             o.lambda,
             o.personal ? 0.2 : 0.0,
             o.personal ? 0.1 : 0.0,
             o.negatives_only,
             o.by_sum};
  if (o.by_sum) c.rates.lr_items = 0.05;  // for each sample
  c.client.items = 40;
  fill(c.client.theta, std::size_t(c.shape.head.theta), 0.3);
  fill(c.client.user, std::size_t(c.shape.head.user), 0.3);
  fill(c.client.router, std::size_t(c.shape.router.size), 0.3);
  fill(c.client.table, std::size_t(o.views * 40 * c.shape.width), 0.3);
  if (o.personal) fill(c.client.personal, std::size_t(40 * c.shape.width), 0.3);
  c.client.soft.resize(40);
  for (auto& t : c.client.soft) t = stream.uniform();
  std::vector<std::int64_t> items;
  std::vector<double> labels;
  for (int s = 0; s < o.samples; ++s) {
    items.push_back(stream.below(36));
    labels.push_back(stream.uniform() < 0.3);
  }
  for (int e = 0; e < o.epochs; ++e)
    for (int s = 0; s < o.samples; s += o.batch) {
      const auto last = std::min(s + o.batch, o.samples);
      c.steps.items.emplace_back(items.begin() + s, items.begin() + last);
      c.steps.labels.emplace_back(labels.begin() + s, labels.begin() + last);
    }
  return c;
}

// A ReLU at its kink answers a rounding with a jump of the gradient, and no tolerance holds: a case
// that does so when its parameters move by a few roundings.
inline bool stands_at_a_kink(const ClientCase& c) {
  const auto want = by_reference(c);
  const auto jumps = [](const std::vector<double>& a, const std::vector<double>& b) {
    double largest = 0;
    for (const double x : a) largest = std::max(largest, std::abs(x));
    return !std::ranges::equal(a, b, [largest](double x, double y) {
      return std::abs(x - y) <= 1e-4 * (std::abs(x) + 0.1 * largest);
    });
  };
  for (std::uint64_t turn = 0; turn < 8; ++turn) {
    auto moved = c;
    const Rng rng(turn, Purpose::test);
    std::uint32_t index = 0;
    for (auto* part : {&moved.client.theta, &moved.client.user, &moved.client.router,
                       &moved.client.table, &moved.client.personal})
      for (auto& x : *part) x *= 1 + 3e-6 * (2 * rng.uniform(9, 0, index++) - 1);
    const auto got = by_reference(moved);
    const auto &x = want.client, &y = got.client;
    if (jumps(x.theta, y.theta) || jumps(x.user, y.user) || jumps(x.router, y.router) ||
        jumps(x.table, y.table) || jumps(x.personal, y.personal) ||
        jumps(want.view_grad, got.view_grad) || jumps(want.loss, got.loss))
      return true;
  }
  return false;
}

// Where other inputs than the usual ones are asked for, the first of them that stand at no kink.
inline ClientCase asked_case(const Options& o, std::uint64_t usual) {
  auto seed = test::seed(usual);
  auto c = random_case(o, seed);
  if (seed != usual)
    while (stands_at_a_kink(c)) c = random_case(o, seed += 1'000'003);
  return c;
}

// Those that run here and train the head.
inline std::vector<local_train::Variant> training(const std::vector<local_train::Variant>& here,
                                                  const HeadLayout& head) {
  std::vector<local_train::Variant> some;
  std::ranges::copy_if(here, std::back_inserter(some),
                       [&](const auto& v) { return v.serves(head); });
  return some;
}

}  // namespace fedfuse::test
