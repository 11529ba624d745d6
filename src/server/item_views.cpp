#include "server/item_views.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.hpp"
#include "core/finite.hpp"
#include "core/rng.hpp"
#include "core/rows.hpp"
#include "core/text.hpp"
#include "kernels/dense/optimizer.hpp"
#include "kernels/views/exact_sum.hpp"
#include "kernels/views/views_workspace.hpp"
#include "model/init.hpp"
#include "server/item_views_device.hpp"
#include "server/item_views_rows.hpp"

namespace fedfuse {
namespace {

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

views::Shape shape_of(const Config& config, const ModelSpec& spec, const Dataset& data) {
  views::Shape shape{spec.d, data.text.cols, data.image.cols, {}, config.fedvlr.norm};
  shape.views = spec.fusion.views == ViewsKind::mlp ? std::vector{View::mlp} : config.fedvlr.views;
  return shape;
}

// Without the ID embedding D stays 0, and so adds nothing to its branch.
double table_rate(const Config& config) {
  return config.fedvlr.id_embedding == IdEmbedding::on ? config.fedvlr.lr : 0.0;
}

// Of these rows on all ranks; what is not finite is more than all that is. Collective.
float largest(const std::vector<Matrix<float>>& matrices, RowRange of, const Comm& comm) {
  float most = 0;
  for (const auto& m : matrices)
    for (const float x :
         m.span().subspan(std::size_t(of.first * m.cols), std::size_t(of.count * m.cols))) {
      if (!std::isfinite(x)) most = std::numeric_limits<float>::quiet_NaN();
      most = std::isnan(most) ? most : std::max(most, std::abs(x));
    }
  const auto bits = comm.max(std::int64_t(std::bit_cast<std::uint32_t>(std::abs(most))));
  return std::bit_cast<float>(std::uint32_t(bits));
}

// gamma by name, where the kernel looks for each matrix.
Parameters declare(const views::Layout& layout) {
  Parameters parameters;
  for (const auto& e : layout.entries)
    FEDFUSE_CHECK(parameters.add(e.name, e.rows, e.cols) == e.at,
                  "the parameters stand where the kernels look for them");
  return parameters;
}

// A device has all rows.
RowRange rows_of(const RowSplit& split, bool on_device) {
  static_assert(RowSplit::usual_block == views::cpu_block_items);
  return on_device ? RowRange{0, split.rows} : split.mine();
}

}  // namespace

struct ItemViews::Impl {
  Kernels kernels;
  Comm comm;
  RowSplit split;
  RowRange mine;           // rows of all arrays of this rank
  Matrix<float> D;         // mine.count x d
  views::Problem problem;  // of the kernel, of these rows: features, masks, parameters in place
  Parameters parameters;
  Optimizer operator_optimizer, table_optimizer;
  Array<float> gradient;
  std::unique_ptr<ItemViewsOnDevice> on_device;  // null: here
  // Memory of a step, kept: mapping its pages anew would take as long as a small step.
  views::Workspace workspace;
  views::ExactSum sum;
  Matrix<float> grad_D;
  std::vector<std::vector<float>> before;
  double flops = 0;

  Impl(const Config& config, const ModelSpec& spec, const Dataset& data, const Comm& over,
       std::shared_ptr<gpu::Device> device, const Kernels& on_cpu)
      : kernels(on_cpu),
        comm(over),
        split(data.items, over),
        mine(rows_of(split, device != nullptr)),
        D(mine.count, spec.d),
        problem{.layout = views::Layout(shape_of(config, spec, data)), .items = mine.count},
        parameters(declare(problem.layout)),
        operator_optimizer(config.fedvlr.optimizer, config.fedvlr.lr, parameters.values.size()),
        table_optimizer(config.fedvlr.optimizer, table_rate(config), D.size()),
        gradient(parameters.values.size(), 0.0f),
        grad_D(device == nullptr ? mine.count : 0, spec.d) {
    constexpr auto most_items = (views::ExactSum::most_parts - 1) * views::cpu_block_items;
    if (data.items >= most_items)
      throw InputError(cat("--fusion ", config.model.fusion, " with ", data.items, " items"),
                       cat("the exact sum of the item views' gradients has room for fewer than ",
                           most_items, " items"),
                       "use a fusion without item views, or fewer items");
    if (config.fedvlr.id_embedding == IdEmbedding::on)
      init_normal(D, config.federation.seed, Purpose::item_table, config.model.init_std,
                  mine.first);
    initialise(parameters, config.federation.seed);
    const auto mask = [&](const std::vector<std::uint8_t>& has) {
      return has.empty() ? nullptr : has.data() + mine.first;
    };
    problem.features = {D.data(), data.text.row(mine.first), data.image.row(mine.first)};
    problem.has = {nullptr, mask(data.has_text), mask(data.has_image)};
    problem.parameters = parameters.values.data();
    if (device != nullptr)
      on_device = std::make_unique<ItemViewsOnDevice>(
          std::move(device), HostViews{.operators = parameters,
                                       .D = D,
                                       .operator_optimizer = operator_optimizer,
                                       .table_optimizer = table_optimizer,
                                       .problem = problem,
                                       .lr = float(config.fedvlr.lr),
                                       .table_lr = float(table_rate(config))});
  }

  // Of the work on the rows that stand here, what this rank takes; a device shares them out.
  void count(double flops_here) {
    const auto shared = on_device == nullptr ? 1.0 : double(comm.size());
    flops += flops_here / shared;
  }

  // of the optimizer, which every rank takes for all operators
  [[nodiscard]] double step_flops() {
    const bool adam = !operator_optimizer.steps().empty();
    return flops_a_number(adam) * double(parameters.count()) + table_optimizer.step_flops();
  }

  // All that a step changes on the host. With a device, the host's arrays are brought up to date
  // and stay behind during the step: only the counts of steps move.
  [[nodiscard]] std::vector<std::span<float>> stepped() {
    std::vector<std::span<float>> all{operator_optimizer.steps(), table_optimizer.steps()};
    if (on_device != nullptr) return all;
    for (const auto& array : {std::span(parameters.values), operator_optimizer.first_moment(),
                              operator_optimizer.second_moment(), D.span(),
                              table_optimizer.first_moment(), table_optimizer.second_moment()})
      all.push_back(array);
    return all;
  }
  void save() {
    if (on_device != nullptr) on_device->to_host();
    const auto all = stepped();
    before.resize(all.size());
    for (std::size_t k = 0; k < all.size(); ++k) before[k].assign(all[k].begin(), all[k].end());
  }
  void restore() {
    const auto all = stepped();
    for (std::size_t k = 0; k < all.size(); ++k) std::ranges::copy(before[k], all[k].begin());
    if (on_device != nullptr) on_device->host_may_change();
  }

  // What is not finite, in words; empty: nothing.
  [[nodiscard]] std::string not_finite(const std::vector<Matrix<float>>& views) {
    if (on_device != nullptr && !on_device->state_is_finite())
      return "an operator or the ID table D";
    if (on_device == nullptr) {
      for (const auto& array : stepped())
        if (!all_finite(array)) return name_of_not_finite();
    }
    const auto own = split.mine();
    for (std::size_t j = 0; j < views.size(); ++j)
      if (!all_finite(std::span(views[j].row(own.first), std::size_t(own.count * D.cols))))
        return cat("the view `", text_of(problem.layout.views[j]), "`");
    return "";
  }
  [[nodiscard]] std::string name_of_not_finite() {
    if (!all_finite(D.span())) return "the ID table D";
    for (const auto& p : parameters.entries())
      if (!all_finite({parameters.at(p.at), p.size()})) return cat("the operator ", p.name);
    return "a moment of --server-optimizer";
  }
};

ItemViews::ItemViews(const Config& config, const ModelSpec& spec, const Dataset& data,
                     const Comm& comm, std::shared_ptr<gpu::Device> device, const Kernels& kernels)
    : impl_(std::make_unique<Impl>(config, spec, data, comm, std::move(device), kernels)) {}
ItemViews::~ItemViews() = default;
ItemViews::ItemViews(ItemViews&&) noexcept = default;
ItemViews& ItemViews::operator=(ItemViews&&) noexcept = default;

void ItemViews::forward(std::vector<Matrix<float>>& views) const {
  auto& my = *impl_;
  views.resize(my.problem.layout.views.size());
  for (auto& view : views)
    if (view.rows != my.split.rows || view.cols != my.D.cols)
      view = Matrix<float>(my.split.rows, my.D.cols);
  my.count(my.problem.forward_flops());
  if (my.on_device != nullptr) return my.on_device->forward(views, my.comm);
  std::array<float*, views::branches> out{};
  for (std::size_t j = 0; j < views.size(); ++j) out[j] = views[j].row(my.mine.first);
  my.kernels.views_forward(my.problem, {0, my.mine.count}, my.workspace, out);
  for (auto& view : views) complete_rows(view, my.split, my.comm);
}

void ItemViews::backward_and_step(const std::vector<Matrix<float>>& view_grad) {
  auto& my = *impl_;
  FEDFUSE_CHECK(view_grad.size() == my.problem.layout.views.size(),
                "one gradient for each view is needed");
  for (const auto& g : view_grad)
    FEDFUSE_CHECK(g.rows == my.split.rows && g.cols == my.D.cols, "a view's gradient is M x d");
  my.count(my.problem.backward_flops());
  my.flops += my.step_flops();
  if (my.on_device != nullptr) return my.on_device->backward_and_step(view_grad, my.comm);
  const float most = largest(view_grad, my.mine, my.comm);
  if (!std::isfinite(most)) throw gradient_not_finite();
  const int exponent = exponent_of(most);
  my.sum.start(my.gradient.size());
  for (std::size_t j = 0; j < view_grad.size(); ++j)
    my.problem.view_grad[j] = view_grad[j].row(my.mine.first);
  const bool finite =
      my.kernels.views_backward(my.problem, {0, my.mine.count}, float(std::ldexp(1.0, -exponent)),
                                my.workspace, my.sum, my.grad_D.data());
  if (my.comm.sum(std::int64_t(finite ? 0 : 1)) != 0) throw gradient_not_finite();
  my.sum.reduce(my.comm);
  const double unscale = std::ldexp(1.0, exponent);
  my.sum.decode(my.gradient, unscale);
  for (auto& x : my.grad_D.values) x *= float(unscale);
  my.operator_optimizer.step(my.parameters.values, my.gradient);
  my.table_optimizer.step(my.D.values, my.grad_D.values);
}

void ItemViews::step_to_next_views(std::vector<Matrix<float>>& gradients_then_views) {
  impl_->save();
  try {
    backward_and_step(gradients_then_views);
    forward(gradients_then_views);
    const auto what = impl_->not_finite(gradients_then_views);
    if (impl_->comm.max(std::int64_t(what.empty() ? 0 : 1)) != 0) throw views_diverged(what);
  } catch (...) {
    impl_->restore();
    throw;
  }
}

std::int64_t ItemViews::operator_parameters() const { return impl_->parameters.count(); }
double ItemViews::flops() const {
  auto all = impl_->problem;
  all.items = impl_->split.rows;
  return all.forward_flops() + all.backward_flops();
}
std::int64_t ItemViews::flop() const { return std::llround(impl_->flops); }
RowRange ItemViews::rows() const { return impl_->mine; }

std::int64_t ItemViews::device_bytes(const Config& config, const ModelSpec& spec,
                                     const Dataset& data, std::int64_t ranks) {
  if (spec.rows_trained) return 0;
  const std::int64_t blocks = (data.items + views::block_items - 1) / views::block_items,
                     most = (blocks + ranks - 1) / ranks;
  const views::MyItems mine{data.items, 0, std::min(data.items, most * views::block_items)};
  return views::OnDevice::bytes(views::Layout(shape_of(config, spec, data)), mine,
                                config.fedvlr.optimizer == OptimizerKind::adam);
}

void ItemViews::visit(StateVisitor& visitor, const std::string& name) {
  auto& my = *impl_;
  if (my.on_device != nullptr) {
    my.on_device->to_host();
    my.on_device->host_may_change();
  }
  const auto path = [&](const std::string& which) { return cat(name, "/", which); };
  std::map<std::string, std::span<float>> operators;
  name_parameters(operators, my.parameters, my.operator_optimizer);
  for (const auto& [which, values] : operators) visitor.shared(path(which), values);
  const auto rows = [&](const std::string& which, std::span<float> values) {
    if (my.on_device != nullptr)
      visitor.shared(path(which), values);
    else
      visitor.rows(path(which), my.split, my.D.cols, values);
  };
  rows("D", my.D.span());
  if (my.table_optimizer.steps().empty()) return;
  rows("D.m", my.table_optimizer.first_moment());
  rows("D.v", my.table_optimizer.second_moment());
  visitor.shared(path("D.steps"), my.table_optimizer.steps());
}

}  // namespace fedfuse
