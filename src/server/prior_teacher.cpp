#include "server/prior_teacher.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/finite.hpp"
#include "core/rng.hpp"
#include "core/rows.hpp"
#include "core/text.hpp"
#include "kernels/dense/optimizer.hpp"
#include "kernels/group_prior/gradient_sum.hpp"
#include "server/prior_features.hpp"
#include "server/prior_targets.hpp"
#include "server/server_diverged.hpp"

namespace fedfuse {
namespace {

using group_prior::GradientSum;

void initialise(Parameters& parameters, std::uint64_t seed, std::int64_t hidden) {
  const Rng rng(seed, Purpose::prior_weights);
  const std::map<std::string, double> deviation{
      {"U", 1.0}, {"A", 0.5}, {"v", 1 / std::sqrt(double(hidden))}};
  std::uint64_t who = 0;
  for (const auto& p : parameters.entries()) {
    const std::span<float> values(parameters.at(p.at), p.size());
    if (p.name == "b") std::ranges::fill(values, -1.4f);
    if (const auto found = deviation.find(p.name); found != deviation.end())
      for (std::size_t k = 0; k < values.size(); ++k)
        values[k] = float(found->second * rng.normal(who, 0, std::uint32_t(k)));
    ++who;
  }
}

// By name, where the kernel looks for each matrix.
Parameters declare(const group_prior::Layout& layout) {
  Parameters parameters;
  for (const auto& e : layout.entries)
    FEDFUSE_CHECK(parameters.add(e.name, e.rows, e.cols) == e.at,
                  "the parameters stand where the kernels look for them");
  return parameters;
}

double largest_row(const Matrix<float>& Z) {
  double most = 0;
  for (std::int64_t i = 0; i < Z.rows; ++i) {
    double square = 0;
    for (std::int64_t k = 0; k < Z.cols; ++k) square += double(Z(i, k)) * Z(i, k);
    most = std::max(most, square);
  }
  return std::sqrt(most);
}

ServerDiverged prior_diverged(const std::string& what) {
  return {"the teacher of the group prior",
          what + " is not finite, or too large for the sums: its steps are too long",
          "lower --prior-lr"};
}

}  // namespace

struct PriorTeacher::Impl {
  Config config;
  Kernels kernels;
  Matrix<float> Z;
  group_prior::Layout layout;
  double longest;  // of the rows of Z
  Parameters parameters;
  Optimizer optimizer;
  GradientSum sum;
  Array<float> gradient;
  group_prior::Workspace workspace;
  std::vector<std::vector<float>> before;
  double flops = 0;

  Impl(const Config& c, const Dataset& data, const Kernels& on_cpu)
      : config(c),
        kernels(on_cpu),
        Z(prior_features(c, data)),
        layout(Z.cols, c.prior.hidden, c.prior.groups),
        longest(largest_row(Z)),
        parameters(declare(layout)),
        optimizer(OptimizerKind::adam, c.prior.lr, parameters.values.size()),
        sum(layout),
        gradient(parameters.values.size(), 0.0f) {
    initialise(parameters, c.federation.seed, c.prior.hidden);
  }

  [[nodiscard]] group_prior::Problem problem() const {
    group_prior::Problem p{.layout = layout, .items = Z.rows};
    p.Z = Z.data();
    p.largest_row = longest;
    p.parameters = parameters.values.data();
    return p;
  }
  // ... of this rank's items only
  [[nodiscard]] group_prior::Problem own(const Comm& comm) const {
    return {.layout = layout, .items = blocks(comm).my_rows()};
  }
  [[nodiscard]] RowSplit blocks(const Comm& comm) const {
    static_assert(RowSplit::usual_block % group_prior::block_items == 0);
    return {Z.rows, comm};
  }
  // All that training changes.
  [[nodiscard]] std::vector<std::span<float>> trained() {
    return {parameters.values, optimizer.first_moment(), optimizer.second_moment(),
            optimizer.steps()};
  }
  void decay() {
    const auto keep = float(1 - config.prior.lr * config.prior.decay);
    for (const auto& e : parameters.entries()) {
      if (e.name == "b") continue;
      for (auto& x : std::span(parameters.at(e.at), e.size())) x *= keep;
    }
  }
  double step(const group_prior::Problem& p, const Comm& comm, const Stop& stop);
  double train(const Matrix<float>& sums, std::span<const double> mass, const Comm& comm,
               const Stop& stop);
};

// One step; the loss before it. One reduction, which also carries who wants to stop and whose
// numbers do not fit.
double PriorTeacher::Impl::step(const group_prior::Problem& p, const Comm& comm, const Stop& stop) {
  constexpr std::int64_t one_stop = std::int64_t(1) << 32;
  const auto mine = blocks(comm);
  const double unit = group_prior::sum_unit(p);
  if (unit == 0) throw prior_diverged("a parameter");  // the same on every rank
  sum.start(unit);
  bool fits = true;
  const bool asked = is_asked(stop);
  if (!asked) fits = kernels.prior_gradient(p, {mine.my_first(), mine.my_rows()}, workspace, sum);
  constexpr double of_decay = 1;
  flops +=
      own(comm).gradient_flops() + (flops_a_number(true) + of_decay) * double(parameters.count());
  const auto flags = sum.reduce(comm, (asked ? one_stop : 0) + (fits ? 0 : 1));
  if (flags >= one_stop) throw Stopped();
  if (flags != 0) throw prior_diverged("its gradient");
  sum.decode(p, gradient);
  decay();
  optimizer.step(parameters.values, gradient);
  return sum.loss();
}

double PriorTeacher::Impl::train(const Matrix<float>& sums, std::span<const double> mass,
                                 const Comm& comm, const Stop& stop) {
  const PriorTargets targets(sums, mass, config);
  if (targets.total() == 0) return 0;
  if (!std::isfinite(targets.total())) throw prior_diverged("a sum of interactions");
  auto p = problem();
  targets.enter(p);
  double loss = 0;
  for (std::int64_t k = 0; k < config.prior.steps; ++k) loss = step(p, comm, stop);
  for (const auto& array : trained())
    if (!all_finite(array)) throw prior_diverged("a parameter or a moment");
  return loss;
}

PriorTeacher::PriorTeacher(const Config& config, const Dataset& data, const Kernels& kernels)
    : impl_(std::make_unique<Impl>(config, data, kernels)) {}
PriorTeacher::~PriorTeacher() = default;
PriorTeacher::PriorTeacher(PriorTeacher&&) noexcept = default;
PriorTeacher& PriorTeacher::operator=(PriorTeacher&&) noexcept = default;

double PriorTeacher::train(const Matrix<float>& sums, std::span<const double> mass,
                           const Comm& comm, const Stop& stop) {
  const auto& l = impl_->layout;
  FEDFUSE_CHECK(sums.rows == impl_->Z.rows && sums.cols == l.G, "the groups' sums are M x G");
  FEDFUSE_CHECK(std::int64_t(mass.size()) == l.G, "every group has a mass");
  remember();
  try {
    return impl_->train(sums, mass, comm, stop);
  } catch (...) {
    undo();
    throw;
  }
}

Matrix<float> PriorTeacher::logits(const Comm& comm) const {
  auto& my = *impl_;
  const auto mine = my.blocks(comm);
  Matrix<float> L(my.Z.rows, my.layout.G);
  my.kernels.prior_logits(my.problem(), {mine.my_first(), mine.my_rows()}, my.workspace, L.data());
  complete_rows(L, mine, comm);
  my.flops += my.own(comm).logits_flops();
  return L;
}

std::int64_t PriorTeacher::flop() const { return std::llround(impl_->flops); }

void PriorTeacher::remember() {
  impl_->before.clear();
  for (const auto& array : impl_->trained()) impl_->before.emplace_back(array.begin(), array.end());
}

void PriorTeacher::undo() {
  const auto all = impl_->trained();
  for (std::size_t k = 0; k < impl_->before.size(); ++k)
    std::ranges::copy(impl_->before[k], all[k].begin());
}

std::map<std::string, std::span<float>> PriorTeacher::parameters() {
  std::map<std::string, std::span<float>> names;
  name_parameters(names, impl_->parameters, impl_->optimizer);
  return names;
}

const Matrix<float>& PriorTeacher::features() const { return impl_->Z; }

std::vector<MemoryNeed> PriorTeacher::memory_needs(const Config& config, const Dataset& data) {
  const auto& o = config.prior;
  const double items = double(data.items), D = double(data.text.cols + data.image.cols),
               P = double(prior_feature_width(config, data)), h = double(o.hidden),
               G = double(o.groups);
  constexpr double state = 5;  // parameters, gradient, two moments, what undo() restores
  std::vector<MemoryNeed> needs{
      {cat("--prior-projection ", o.projection), 4 * items * P},
      {cat("--prior-groups ", o.groups), 2 * 4 * items * G + state * 4 * 2 * G * h},
      {cat("--prior-hidden ", o.hidden), state * 4 * h * P}};
  if (D > P) {  // the covariance and its eigenvectors, in double
    const double side = std::min({D, items, double(most_covariance_items)});
    needs.front().bytes += 2 * 8 * side * side;
  }
  return needs;
}

}  // namespace fedfuse
