#include "server/item_views.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"
#include "model/init.hpp"
#include "server/item_views_block.hpp"
#include "server/item_views_sum.hpp"
#include "kernels/dense/optimizer.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t block_items = 256;

// Weights Xavier-uniform, biases 0, layer norms the identity; each parameter has its own counters.
void initialise(Parameters& parameters, std::uint64_t seed) {
  const Rng rng(seed, Purpose::views_weights);
  std::uint64_t who = 0;
  for (const auto& p : parameters.entries()) {
    const std::span<float> values(parameters.at(p.at), p.size());
    if (p.name.starts_with("ln_w"))
      std::ranges::fill(values, 1.0f);
    else if (p.rows > 1)
      init_xavier(values, int(p.rows), int(p.cols), rng, who, 0);
    ++who;
  }
}

// Blocks [begin, end) of this rank, and their rows.
struct MyBlocks {
  std::int64_t items, begin, end;
  MyBlocks(std::int64_t M, const Comm& comm) : items(M) {
    const BlockSplit split{(M + block_items - 1) / block_items, comm.size()};
    begin = split.first(comm.rank());
    end = split.first(comm.rank() + 1);
  }
  [[nodiscard]] std::int64_t first(std::int64_t block) const { return std::min(block * block_items, items); }
  [[nodiscard]] std::int64_t rows(std::int64_t block) const { return first(block + 1) - first(block); }
  // Threads worth starting: not more than there are blocks.
  [[nodiscard]] int team() const { return int(std::clamp<std::int64_t>(end - begin, 1, omp_get_max_threads())); }
  [[nodiscard]] std::int64_t my_first() const { return first(begin); }
  [[nodiscard]] std::int64_t my_rows() const { return first(end) - first(begin); }
};

// The rows of every rank, in rank order, into `whole`; this rank's stand there already.
void complete_rows(Matrix<float>& whole, const MyBlocks& mine, const Comm& comm) {
  if (comm.size() == 1) return;
  const auto all = comm.all_gather<float>(std::span<const float>(whole.row(mine.my_first()), std::size_t(mine.my_rows() * whole.cols)));
  std::ranges::copy(all, whole.values.begin());
}

float largest(const std::vector<Matrix<float>>& matrices) {
  float most = 0;
  for (const auto& m : matrices)
    for (const float x : m.values) {
      if (!std::isfinite(x)) return x;
      most = std::max(most, std::abs(x));
    }
  return most;
}

bool all_zero(const std::vector<const float*>& rows, std::int64_t n) {
  return std::ranges::all_of(rows, [n](const float* r) { return std::all_of(r, r + n, [](float x) { return x == 0.0f; }); });
}

InputError not_finite() {
  return {"the gradient of the item views is not finite", "the clients' or the server's steps are too long", "lower --lr or --server-lr"};
}

}  // namespace

struct ItemViews::Impl {
  std::int64_t items;
  Matrix<float> D;
  ViewOperators operators;
  ViewInputs inputs;
  Optimizer operator_optimizer, table_optimizer;
  Array<float> gradient;

  Impl(const Config& config, const ModelSpec& spec, const Dataset& data)
      : items(data.items),
        D(data.items, spec.d),
        operators(spec.fusion.views == ViewsKind::mlp ? std::vector<std::string>{"mlp"} : config.views, spec.d, data.text.cols, data.image.cols),
        operator_optimizer(config.server_optimizer, config.server_lr, operators.parameters.values.size()),
        table_optimizer(config.server_optimizer, config.server_lr, D.size()),
        gradient(operators.parameters.values.size(), 0.0f) {
    FEDFUSE_CHECK((items + block_items - 1) / block_items < ExactSum::most_parts, "too many items for the exact sum of gradients");
    init_normal(D, config.seed, Purpose::item_table, config.init_std);
    initialise(operators.parameters, config.seed);
    const auto mask = [](const std::vector<std::uint8_t>& has) { return has.empty() ? nullptr : has.data(); };
    inputs = {{D.data(), data.text.data(), data.image.data()}, {nullptr, mask(data.has_text), mask(data.has_image)}};
  }
  // Operator gradients of this rank's blocks into `sum`, rows of dL/dD into grad_D. False: something is not finite.
  bool backward(const std::vector<Matrix<float>>& view_grad, float scale, const MyBlocks& mine, ExactSum& sum, Matrix<float>& grad_D) const;
};

bool ItemViews::Impl::backward(const std::vector<Matrix<float>>& view_grad, float scale, const MyBlocks& mine, ExactSum& sum,
                               Matrix<float>& grad_D) const {
  bool finite = true;
  const PackedOperators weights(operators);
#pragma omp parallel num_threads(mine.team())
  {
    ViewsBlock block(operators, weights, inputs, block_items);
    ExactSum my_sum(gradient.size());
    std::vector<const float*> rows(view_grad.size());
    bool my_finite = true;
#pragma omp for schedule(dynamic)
    for (std::int64_t b = mine.begin; b < mine.end; ++b) {
      const auto first = mine.first(b), n = mine.rows(b);
      for (std::size_t j = 0; j < rows.size(); ++j) rows[j] = view_grad[j].row(first);
      if (all_zero(rows, n * D.cols)) continue;  // nobody saw these items; grad_D is 0 there
      block.backward(first, n, rows, scale, grad_D.row(first));
      my_finite = my_sum.add(block.gradient()) && my_finite;
    }
#pragma omp critical
    {
      sum.merge(my_sum);
      finite = finite && my_finite;
    }
  }
  return finite;
}

ItemViews::ItemViews(const Config& config, const ModelSpec& spec, const Dataset& data) : impl_(std::make_unique<Impl>(config, spec, data)) {}
ItemViews::~ItemViews() = default;
ItemViews::ItemViews(ItemViews&&) noexcept = default;
ItemViews& ItemViews::operator=(ItemViews&&) noexcept = default;

void ItemViews::forward(std::vector<Matrix<float>>& views, const Comm& comm) const {
  const auto& my = *impl_;
  const MyBlocks mine(my.items, comm);
  views.resize(my.operators.views.size());
  for (auto& view : views)
    if (view.rows != my.items || view.cols != my.D.cols) view = Matrix<float>(my.items, my.D.cols);
  const PackedOperators weights(my.operators);
#pragma omp parallel num_threads(mine.team())
  {
    ViewsBlock block(my.operators, weights, my.inputs, block_items);
    std::vector<float*> out(views.size());
#pragma omp for schedule(dynamic)
    for (std::int64_t b = mine.begin; b < mine.end; ++b) {
      for (std::size_t j = 0; j < out.size(); ++j) out[j] = views[j].row(mine.first(b));
      block.forward(mine.first(b), mine.rows(b), out);
    }
  }
  for (auto& view : views) complete_rows(view, mine, comm);
}

void ItemViews::backward_and_step(const std::vector<Matrix<float>>& view_grad, const Comm& comm) {
  auto& my = *impl_;
  FEDFUSE_CHECK(view_grad.size() == my.operators.views.size(), "one gradient for each view is needed");
  for (const auto& g : view_grad) FEDFUSE_CHECK(g.rows == my.items && g.cols == my.D.cols, "a view's gradient is M x d");
  // The way back is linear in view_grad, which is the same on all ranks: a power of two brings it near 1.
  const float most = largest(view_grad);
  if (!std::isfinite(most)) throw not_finite();
  const int exponent = most > 0 ? std::clamp(std::ilogb(most), -100, 100) : 0;
  const MyBlocks mine(my.items, comm);
  ExactSum sum(my.gradient.size());
  Matrix<float> grad_D(my.items, my.D.cols);
  const bool finite = my.backward(view_grad, float(std::ldexp(1.0, -exponent)), mine, sum, grad_D);
  if (comm.sum(std::int64_t(finite ? 0 : 1)) != 0) throw not_finite();
  sum.reduce(comm);
  const double unscale = std::ldexp(1.0, exponent);
  sum.decode(my.gradient, unscale);
  complete_rows(grad_D, mine, comm);
  for (auto& x : grad_D.values) x *= float(unscale);
  my.operator_optimizer.step(my.operators.parameters.values, my.gradient);
  my.table_optimizer.step(my.D.values, grad_D.values);
}

std::int64_t ItemViews::operator_parameters() const { return impl_->operators.parameters.count(); }
const Matrix<float>& ItemViews::id_table() const { return impl_->D; }

std::map<std::string, std::span<float>> ItemViews::parameters() {
  std::map<std::string, std::span<float>> names;
  name_parameters(names, impl_->operators.parameters, impl_->operator_optimizer);
  names["D"] = impl_->D.span();
  if (auto m = impl_->table_optimizer.first_moment(); !m.empty()) {
    names["D.m"] = m;
    names["D.v"] = impl_->table_optimizer.second_moment();
    names["D.steps"] = impl_->table_optimizer.steps();
  }
  return names;
}

}  // namespace fedfuse
