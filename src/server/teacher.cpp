#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>

#include "core/error.hpp"
#include "core/finite.hpp"
#include "core/rng.hpp"
#include "core/rows.hpp"
#include "core/text.hpp"
#include "server/full_batch.hpp"
#include "server/server_diverged.hpp"
#include "server/teacher_impl.hpp"

namespace fedfuse {

teacher::Problem GroupTeacher::Impl::epoch(const Targets& targets) {
  const auto state = optimizer.state();
  teacher::Problem p;
  p.shape = shape;
  p.features = features;
  p.groups = targets.groups;
  p.targets = targets.tables.data();
  p.batching = batching;
  p.adam = state.m != nullptr;
  p.lr = config.gfmfr.teacher.lr;
  p.values = parameters.values.data();
  p.m = state.m;
  p.v = state.v;
  p.steps = state.steps;
  return p;
}

namespace {
struct LossNotFinite : std::exception {
  explicit LossNotFinite(std::int64_t e) : epoch(e) {}
  std::int64_t epoch;
};
}  // namespace

std::vector<std::span<float>> GroupTeacher::Impl::trained() {
  return {parameters.values, optimizer.first_moment(), optimizer.second_moment(),
          optimizer.steps()};
}

void GroupTeacher::Impl::save() {
  before.clear();
  for (const auto& array : trained()) before.emplace_back(array.begin(), array.end());
}

double GroupTeacher::Impl::train(const Targets& targets, std::int64_t round, const Stop& stop) {
  const Rng rng(config.federation.seed, Purpose::teacher_batches);
  const auto fill_order = [&](std::int64_t epoch, std::span<std::int32_t> to) {
    if (is_asked(stop)) throw Stopped();
    teacher::shuffle(to, rng, epoch, round);
  };
  double last = 0;
  const auto see = [&](std::int64_t epoch, double loss) {
    last = loss;
    if (!std::isfinite(loss)) throw LossNotFinite(epoch);
  };
  auto problem = epoch(targets);
  if (device != nullptr) {
    if (targets.on_device != nullptr)
      device->make_targets(*targets.on_device);
    else
      device->set_targets(targets.tables);
    device->train(problem, config.gfmfr.teacher.epochs, fill_order, see);
    flops += double(config.gfmfr.teacher.epochs) * problem.flops();
    return last;
  }
  std::vector<std::int32_t> order(std::size_t(problem.count()));
  problem.order = order.data();
  for (std::int64_t e = 0; e < config.gfmfr.teacher.epochs; ++e) {
    fill_order(e, order);
    see(e, kernels.teacher_epoch(problem, workspace));
    flops += problem.flops();
  }
  return last;
}

// targets: from this rank's first row on. Collective. Throws the same on every rank.
double GroupTeacher::Impl::train_full(const Targets& targets, const Comm& comm, const Stop& stop) {
  auto problem = epoch(targets);
  const auto [first, count] = RowSplit(shape.items, comm).mine();
  problem.shape.items = count;
  problem.features = from_row(features, shape, first);
  double loss = 0;
  for (std::int64_t e = 0; e < config.gfmfr.teacher.epochs; ++e) {
    const auto gradient = teacher::full_gradient(problem, shape.items, comm, is_asked(stop));
    if (gradient.stopped) throw Stopped();
    loss = gradient.loss;
    if (!std::isfinite(loss)) throw LossNotFinite(e);
    optimizer_step(float(problem.lr), optimizer.state(), parameters.values, gradient.values);
    flops += gradient.flops + problem.update_flops();
  }
  return loss;
}

GroupTeacher::GroupTeacher(const Config& config, const ModelSpec& spec, const Dataset& data,
                           const std::shared_ptr<gpu::Device>& device, const Kernels& kernels)
    : impl_(std::make_unique<Impl>(config, spec, data, device, kernels)) {}
std::int64_t GroupTeacher::device_bytes(const Config& config, const ModelSpec& spec,
                                        const Dataset& data) {
  const auto sizes = sizes_of(config.gfmfr, spec, data);
  return std::int64_t(DeviceTeacher::bytes(sizes, problem_of(sizes, features_of(data)),
                                           batching_of(config.gfmfr.teacher),
                                           config.gfmfr.teacher.optimizer == OptimizerKind::adam));
}
bool GroupTeacher::trains_on(const gpu::Device& device, const Config& config, const ModelSpec& spec,
                             const Dataset& data) {
  return spec.has_teacher && config.gfmfr.teacher.solver == TeacherSolver::steps &&
         DeviceTeacher::serves(device, sizes_of(config.gfmfr, spec, data));
}
GroupTeacher::~GroupTeacher() = default;

double GroupTeacher::train(const std::vector<Matrix<float>>& targets, std::int64_t round,
                           const Comm& comm, const Stop& stop) {
  const auto& s = impl_->shape;
  FEDFUSE_CHECK(!targets.empty() && std::int64_t(targets.size()) <= s.groups,
                "more targets than the teacher has groups");
  const auto mine = read_rows(comm);
  Targets all{.groups = std::int64_t(targets.size())};
  for (const auto& target : targets) {
    FEDFUSE_CHECK((target.rows == s.items || target.rows == mine.count) && target.cols == s.d,
                  "a group's target is M x d, or of the rank's rows");
    all.tables.push_back(target.row(target.rows == s.items ? mine.first : 0));
  }
  return train(all, round, comm, stop);
}

double GroupTeacher::train(const Targets& targets, std::int64_t round, const Comm& comm,
                           const Stop& stop) {
  double loss = 0;
  std::string what;
  remember();
  const auto note_divergence = [&](const std::function<double()>& run) {
    try {
      loss = run();
    } catch (const LossNotFinite& diverged) {
      what = cat("the teacher's loss is not finite in epoch ", diverged.epoch + 1);
    }
  };
  // By steps every rank trains alike: a step is a millisecond on a host and less on a device, less
  // than sending its gradients around would take.
  try {
    if (reads_own_rows())
      note_divergence([&] { return impl_->train_full(targets, comm, stop); });
    else
      comm.together([&] { note_divergence([&] { return impl_->train(targets, round, stop); }); });
  } catch (const Stopped&) {
    undo();
    throw;
  }
  if (what.empty() && !std::ranges::all_of(impl_->trained(), all_finite))
    what = "a parameter of the teacher, or a moment of its optimizer, is not finite";
  if (comm.max(std::int64_t(what.empty() ? 0 : 1)) == 0) return loss;
  undo();
  throw ServerDiverged("the teacher",
                       what + ": its steps are too long, or the item tables have diverged",
                       "lower --teacher-lr or --lr-items");
}

ServerTeacher::Taught GroupTeacher::teach(const GroupSums& sums, const GlobalModel& global,
                                          std::int64_t round, const Comm& comm, const Stop& stop) {
  const double loss =
      sums.stays() ? train(Targets{.groups = sums.groups(), .on_device = &sums}, round, comm, stop)
                   : train(sums.targets(global, read_rows(comm)), round, comm, stop);
  return {loss, preference(sums.last_weights(global), sums.last_biases(global), comm)};
}

bool GroupTeacher::reads_own_rows() const {
  return impl_->config.gfmfr.teacher.solver == TeacherSolver::batches;
}
RowRange GroupTeacher::read_rows(const Comm& comm) const {
  const auto items = impl_->shape.items;
  return reads_own_rows() ? RowSplit(items, comm).mine() : RowRange{0, items};
}

void GroupTeacher::remember() { impl_->save(); }

void GroupTeacher::undo() {
  const auto all = impl_->trained();
  for (std::size_t k = 0; k < impl_->before.size(); ++k)
    std::ranges::copy(impl_->before[k], all[k].begin());
}

std::int64_t GroupTeacher::flop() const { return std::llround(impl_->flops); }

Matrix<float> GroupTeacher::group_embeddings() const {
  Matrix<float> e(impl_->shape.groups, impl_->shape.d_group);
  std::copy_n(impl_->parameters.at(impl_->at.e), e.size(), e.data());
  return e;
}

std::map<std::string, std::span<float>> GroupTeacher::parameters() {
  std::map<std::string, std::span<float>> names;
  name_parameters(names, impl_->parameters, impl_->optimizer);
  return names;
}

}  // namespace fedfuse
