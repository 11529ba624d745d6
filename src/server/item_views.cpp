#include "server/item_views.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/rng.hpp"
#include "kernels/dense/optimizer.hpp"
#include "model/init.hpp"
#include "server/item_views_block.hpp"
#include "server/item_views_device.hpp"
#include "server/item_views_rows.hpp"
#include "server/item_views_sum.hpp"

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

// Threads worth starting: not more than there are blocks.
int team(const MyBlocks& mine) {
  return int(std::clamp<std::int64_t>(mine.end - mine.begin, 1, omp_get_max_threads()));
}

views::Shape shape_of(const Config& config, const ModelSpec& spec, const Dataset& data) {
  views::Shape shape{spec.d, data.text.cols, data.image.cols, {}};
  for (const auto& name :
       spec.fusion.views == ViewsKind::mlp ? std::vector<std::string>{"mlp"} : config.views) {
    FEDFUSE_CHECK(name == "sum" || name == "mlp" || name == "gate", "a view is sum, mlp or gate");
    shape.views.push_back(name == "sum" ? View::sum : (name == "mlp" ? View::mlp : View::gate));
  }
  return shape;
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
  return std::ranges::all_of(rows, [n](const float* r) {
    return std::all_of(r, r + n, [](float x) { return x == 0.0f; });
  });
}

}  // namespace

struct ItemViews::Impl {
  std::int64_t items;
  Matrix<float> D;
  ViewOperators operators;
  ViewInputs inputs;
  Optimizer operator_optimizer, table_optimizer;
  Array<float> gradient;
  std::unique_ptr<ItemViewsOnDevice> on_device;  // null: here

  Impl(const Config& config, const ModelSpec& spec, const Dataset& data,
       std::shared_ptr<gpu::Device> device)
      : items(data.items),
        D(data.items, spec.d),
        operators(shape_of(config, spec, data)),
        operator_optimizer(config.server_optimizer, config.server_lr,
                           operators.parameters.values.size()),
        table_optimizer(config.server_optimizer, config.server_lr, D.size()),
        gradient(operators.parameters.values.size(), 0.0f) {
    FEDFUSE_CHECK((items + block_items - 1) / block_items < ExactSum::most_parts,
                  "too many items for the exact sum of gradients");
    init_normal(D, config.seed, Purpose::item_table, config.init_std);
    initialise(operators.parameters, config.seed);
    const auto mask = [](const std::vector<std::uint8_t>& has) {
      return has.empty() ? nullptr : has.data();
    };
    inputs = {{D.data(), data.text.data(), data.image.data()},
              {nullptr, mask(data.has_text), mask(data.has_image)}};
    if (device != nullptr)
      on_device = std::make_unique<ItemViewsOnDevice>(
          std::move(device), HostViews{operators, D, operator_optimizer, table_optimizer, inputs,
                                       float(config.server_lr)});
  }
  // Operator gradients of this rank's blocks into `sum`, rows of dL/dD into grad_D. False:
  // something is not finite.
  bool backward(const std::vector<Matrix<float>>& view_grad, float scale, const MyBlocks& mine,
                ExactSum& sum, Matrix<float>& grad_D) const;
};

bool ItemViews::Impl::backward(const std::vector<Matrix<float>>& view_grad, float scale,
                               const MyBlocks& mine, ExactSum& sum, Matrix<float>& grad_D) const {
  bool finite = true;
  const PackedOperators weights(operators);
#pragma omp parallel num_threads(team(mine))
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

ItemViews::ItemViews(const Config& config, const ModelSpec& spec, const Dataset& data,
                     std::shared_ptr<gpu::Device> device)
    : impl_(std::make_unique<Impl>(config, spec, data, std::move(device))) {}
ItemViews::~ItemViews() = default;
ItemViews::ItemViews(ItemViews&&) noexcept = default;
ItemViews& ItemViews::operator=(ItemViews&&) noexcept = default;

void ItemViews::forward(std::vector<Matrix<float>>& views, const Comm& comm) const {
  const auto& my = *impl_;
  views.resize(my.operators.views.size());
  for (auto& view : views)
    if (view.rows != my.items || view.cols != my.D.cols) view = Matrix<float>(my.items, my.D.cols);
  if (my.on_device != nullptr) return my.on_device->forward(views, comm);
  const MyBlocks mine(my.items, block_items, comm);
  const PackedOperators weights(my.operators);
#pragma omp parallel num_threads(team(mine))
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
  FEDFUSE_CHECK(view_grad.size() == my.operators.views.size(),
                "one gradient for each view is needed");
  for (const auto& g : view_grad)
    FEDFUSE_CHECK(g.rows == my.items && g.cols == my.D.cols, "a view's gradient is M x d");
  if (my.on_device != nullptr) return my.on_device->backward_and_step(view_grad, comm);
  const float most = largest(view_grad);
  if (!std::isfinite(most)) throw gradient_not_finite();
  const int exponent = exponent_of(most);
  const MyBlocks mine(my.items, block_items, comm);
  ExactSum sum(my.gradient.size());
  Matrix<float> grad_D(my.items, my.D.cols);
  const bool finite = my.backward(view_grad, float(std::ldexp(1.0, -exponent)), mine, sum, grad_D);
  if (comm.sum(std::int64_t(finite ? 0 : 1)) != 0) throw gradient_not_finite();
  sum.reduce(comm);
  const double unscale = std::ldexp(1.0, exponent);
  sum.decode(my.gradient, unscale);
  complete_rows(grad_D, mine, comm);
  for (auto& x : grad_D.values) x *= float(unscale);
  my.operator_optimizer.step(my.operators.parameters.values, my.gradient);
  my.table_optimizer.step(my.D.values, grad_D.values);
}

std::int64_t ItemViews::operator_parameters() const { return impl_->operators.parameters.count(); }
const Matrix<float>& ItemViews::id_table() const {
  if (impl_->on_device != nullptr) impl_->on_device->to_host();
  return impl_->D;
}

std::int64_t ItemViews::device_bytes(const Config& config, const ModelSpec& spec,
                                     const Dataset& data, std::int64_t ranks) {
  if (spec.rows_trained) return 0;
  const std::int64_t blocks = (data.items + views::block_items - 1) / views::block_items,
                     most = (blocks + ranks - 1) / ranks;
  const views::MyItems mine{data.items, 0, std::min(data.items, most * views::block_items)};
  return views::OnDevice::bytes(views::Layout(shape_of(config, spec, data)), mine,
                                config.server_optimizer == "adam");
}

std::map<std::string, std::span<float>> ItemViews::parameters() {
  if (impl_->on_device != nullptr) {
    impl_->on_device->to_host();
    impl_->on_device->host_may_change();
  }
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
