#include "kernels/local_train/local_train_case.hpp"

#include <algorithm>
#include <numeric>

#include "core/rng.hpp"

namespace fedfuse::local_train {
namespace {
// Floats of whole lines: each part stands as in an Array of its own, as in a run.
std::size_t aligned(int floats) { return (std::size_t(floats) + 15) / 16 * 16; }
}  // namespace

Case::Case(const CaseShape& o, std::uint64_t seed) : options_(o) {
  shape_.head = head_layout(o.head, o.d);
  shape_.d = o.d;
  shape_.views = o.views;
  shape_.rows_trained = o.rows_trained;
  shape_.personal = o.personal;
  shape_.width = o.rows_trained ? shape_.head.item_width : o.d;
  if (o.views > 1) shape_.router = router_layout(o.views, o.d);
  rates_.lr = 0.1f;
  rates_.lr_items = 1.0f;
  rates_.lambda = float(o.lambda);
  if (o.personal) {
    rates_.rap_alpha = 0.1f;
    rates_.rap_beta = 0.1f;
  }

  const Rng rng(seed, Purpose::test);
  RngStream stream(rng, 1, 0);
  // distinct items, as almost always in a large catalogue
  slots_ = o.positives * (1 + o.negatives_per_positive);
  std::vector<std::int32_t> order(std::size_t(slots_), 0);
  std::iota(order.begin(), order.end(), 0);
  begin_.push_back(0);
  for (int epoch = 0; epoch < o.epochs; ++epoch) {
    for (std::size_t i = one_batch() ? 0 : order.size(); i > 1; --i)
      std::swap(order[i - 1], order[stream.below(std::uint32_t(i))]);
    for (const auto s : order) {
      slot_.push_back(s);
      label_.push_back(s < o.positives ? 1.0f : 0.0f);
    }
    for (int at = 0; at < slots_; at += o.batch)
      begin_.push_back(epoch * slots_ + std::min(slots_, at + o.batch));
  }
  const auto row_floats = std::size_t(slots_) * std::size_t(shape_.width);
  initial_.resize(aligned(shape_.head.theta) + aligned(shape_.head.user) +
                  aligned(shape_.router.size) +
                  row_floats * std::size_t(o.views + (o.personal ? 1 : 0)));
  for (std::size_t k = 0; k < initial_.size(); ++k)
    initial_[k] = float(0.1 * rng.normal(2, 0, std::uint32_t(k)));
  soft_.resize(std::size_t(slots_));
  for (auto& t : soft_) t = float(stream.uniform());
  prior_.resize(o.prior ? soft_.size() : 0);
  for (auto& b : prior_) b = float(4 * stream.uniform() - 2);
  view_grad_.resize(row_floats * std::size_t(o.views));
  reset();
}

void Case::reset() { values_ = initial_; }

Outcome Case::run(const Variant& variant) {
  Client c;
  c.slots = slots_;
  c.theta = values_.data();
  c.user = c.theta + aligned(shape_.head.theta);
  c.router = c.user + aligned(shape_.head.user);
  c.rows = c.router + aligned(shape_.router.size);
  c.personal = shape_.personal ? c.rows + std::size_t(shape_.views) * std::size_t(slots_) *
                                              std::size_t(shape_.width)
                               : nullptr;
  c.soft = soft_.data();
  c.prior = prior_.empty() ? nullptr : prior_.data();
  c.view_grad = shape_.rows_trained ? nullptr : view_grad_.data();
  const Steps steps{begin_, slot_.data(), label_.data(), /*repeats=*/false, one_batch()};
  return variant.run(shape_, rates_, steps, c, workspace_, {});
}

Problem Case::problem() const {
  return {.shape = shape_,
          .samples = slots_,
          .epochs = options_.epochs,
          .slots = slots_,
          .steps = std::int64_t(begin_.size()) - 1};
}

}  // namespace fedfuse::local_train
