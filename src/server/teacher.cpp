#include "server/teacher.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>

#include "core/error.hpp"
#include "core/finite.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"
#include "server/device/device_teacher.hpp"
#include "server/full_batch.hpp"
#include "server/server_diverged.hpp"
#include "server/teacher_problem.hpp"
#include "server/teacher_start.hpp"

namespace fedfuse {

// C_l of each group: in host memory, or made of sums that stay on the device.
struct GroupTeacher::Targets {
  std::int64_t groups = 0;
  std::vector<const float*> tables{};
  const GroupSums* on_device = nullptr;
};

struct GroupTeacher::Impl {
  Config config;
  Kernels kernels;
  teacher::Shape shape;
  teacher::Features features;
  teacher::Batching batching;
  teacher::Offsets at;
  Parameters parameters;
  Optimizer optimizer;
  teacher::Workspace workspace;
  std::vector<std::vector<float>> before;  // of train()
  std::unique_ptr<DeviceTeacher> device;   // null: on the host
  double flops = 0;

  Impl(const Config& c, const ModelSpec& spec, const Dataset& data,
       const std::shared_ptr<gpu::Device>& on, const Kernels& on_cpu)
      : config(c),
        kernels(on_cpu),
        shape(sizes_of(c.gfmfr, spec, data)),
        features(features_of(data)),
        batching(batching_of(c.gfmfr.teacher)),
        parameters(teacher::declare(shape, at)),
        optimizer(c.gfmfr.teacher.optimizer, c.gfmfr.teacher.lr, parameters.values.size()) {
    teacher::initialise(parameters, c.federation.seed);
    if (on != nullptr && trains_on(*on, c, spec, data))
      device = std::make_unique<DeviceTeacher>(on, shape, problem_of(shape, features), batching,
                                               c.gfmfr.teacher.optimizer == OptimizerKind::adam,
                                               c.gfmfr.teacher.lr);
  }
  // of an epoch, without its order
  // All that training changes; a copy of it in `before`.
  [[nodiscard]] std::vector<std::span<float>> trained();
  void save();
  [[nodiscard]] teacher::Problem epoch(const Targets& targets);
  double train(const Targets& targets, std::int64_t round, const Stop& stop);
  double train_full(const Targets& targets, const Comm& comm, const Stop& stop);
  // without groups and output
  [[nodiscard]] preference::Problem problem(std::int64_t first, std::int64_t count) const;
};

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

// Collective. Throws the same on every rank.
double GroupTeacher::Impl::train_full(const Targets& targets, const Comm& comm, const Stop& stop) {
  const auto problem = epoch(targets);
  double loss = 0;
  for (std::int64_t e = 0; e < config.gfmfr.teacher.epochs; ++e) {
    const auto gradient = teacher::full_gradient(problem, comm, is_asked(stop));
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
  for (const auto& target : targets)
    FEDFUSE_CHECK(target.rows == s.items && target.cols == s.d, "a group's target is M x d");
  Targets all{.groups = std::int64_t(targets.size())};
  for (const auto& target : targets) all.tables.push_back(target.data());
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
    if (impl_->config.gfmfr.teacher.solver == TeacherSolver::batches)
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
                   : train(sums.targets(global), round, comm, stop);
  return {loss, preference(sums.last_weights(global), sums.last_biases(global), comm)};
}

void GroupTeacher::remember() { impl_->save(); }

void GroupTeacher::undo() {
  const auto all = impl_->trained();
  for (std::size_t k = 0; k < impl_->before.size(); ++k)
    std::ranges::copy(impl_->before[k], all[k].begin());
}

preference::Problem GroupTeacher::Impl::problem(std::int64_t first, std::int64_t count) const {
  const auto& s = shape;
  const auto& values = parameters;
  auto p = problem_of(s, features);
  p.items = count;
  p.e = values.at(at.e);
  p.A_g = values.at(at.A_g);
  p.a_g = values.at(at.a_g);
  p.A_t = values.at(at.A_t);
  p.a_t = values.at(at.a_t);
  p.A_v = values.at(at.A_v);
  p.a_v = values.at(at.a_v);
  p.W1 = values.at(at.W1);
  p.b1 = values.at(at.b1);
  p.W2 = values.at(at.W2);
  p.b2 = values.at(at.b2);
  p.text = features.text + first * s.d_text;
  p.image = features.image + first * s.d_image;
  p.has_text = features.has_text == nullptr ? nullptr : features.has_text + first;
  p.has_image = features.has_image == nullptr ? nullptr : features.has_image + first;
  return p;
}

Matrix<float> GroupTeacher::preference(const Matrix<float>& last_w, std::span<const float> last_b,
                                       const Comm& comm) const {
  const auto& s = impl_->shape;
  const auto groups = last_w.rows;
  FEDFUSE_CHECK(groups <= s.groups && last_w.cols == s.d && std::int64_t(last_b.size()) == groups,
                "one last layer, d wide, for each group is needed");
  // every rank all of it: no less work than to send it around
  if (impl_->device != nullptr && impl_->device->prefers()) {
    Matrix<float> pref(groups, s.items);
    auto whole = impl_->problem(0, s.items);
    whole.groups = groups;
    whole.w = last_w.data();
    whole.b = last_b.data();
    whole.pref = pref.data();
    whole.pref_stride = s.items;
    comm.together([&] { impl_->device->preference(whole); });
    impl_->flops += whole.flops();
    return pref;
  }
  // Whole blocks of the kernel to each rank: an item's block, and so its bits, do not depend on the
  // ranks.
  const BlockSplit blocks{(s.items + preference::block_items - 1) / preference::block_items,
                          comm.size()};
  const auto start = [&](int rank) {
    return std::min(blocks.first(rank) * preference::block_items, s.items);
  };
  const auto first = start(comm.rank()), count = start(comm.rank() + 1) - first;
  Matrix<float> mine(groups, count);
  auto problem = impl_->problem(first, count);
  problem.groups = groups;
  problem.w = last_w.data();
  problem.b = last_b.data();
  problem.pref = mine.data();
  problem.pref_stride = count;
  impl_->kernels.preferences(problem);
  impl_->flops += problem.flops();

  const auto all = comm.all_gather<float>(mine.span());
  Matrix<float> pref(groups, s.items);
  for (int rank = 0; rank < comm.size(); ++rank) {
    const auto n = start(rank + 1) - start(rank);
    for (std::int64_t l = 0; l < groups; ++l)
      std::copy_n(all.data() + groups * start(rank) + l * n, n, pref.row(l) + start(rank));
  }
  return pref;
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
