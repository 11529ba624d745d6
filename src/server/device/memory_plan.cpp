#include "server/device/memory_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"
#include "kernels/rank/rank_gpu.hpp"
#include "server/device/engine_buffers.hpp"
#include "server/device/listed_buffers.hpp"
#include "server/device/resident_state.hpp"
#include "server/grouping.hpp"
#include "server/item_views.hpp"
#include "server/teacher.hpp"

namespace fedfuse {
namespace {

std::int64_t grouping_bytes(const Config& config, const ModelSpec& spec, const Dataset& data) {
  if (!spec.has_teacher) return 0;
  const auto total = participants_of_round(config.federation, data.clients);
  const std::int64_t columns = config.gfmfr.group_by == GroupBy::behaviour
                                   ? data.text.cols + data.image.cols
                                   : spec.head.theta;
  return grouping_device_bytes(config, columns, std::min(total, data.local_clients()), total);
}

// Of an evaluation, at most: it ends before the next round begins, but what a round holds is not
// given back meanwhile.
std::int64_t ranking_bytes(const Config& config, const ModelSpec& spec, const Dataset& data) {
  if (!device_ranks_clients(spec)) return 0;
  constexpr rank::BatchLimits most;
  rank::GpuRank shape;
  shape.head = spec.head;
  shape.items = data.items;
  shape.width = spec.view_width;
  shape.views = spec.views;
  shape.planes = spec.views + (spec.has_base ? 1 : 0);
  shape.prior_groups = spec.prior_in_score ? int(spec.prior_groups) : 0;
  shape.theta_stride = spec.shares_head ? 0 : spec.head.theta;
  shape.excluded_count = config.evaluation.cold_items == ColdItems::exclude ? data.items : 0;
  const auto local = data.local_clients();
  shape.clients = std::min(local, most.clients);
  if (spec.has_overlay())
    shape.own_count = std::min(local * data.items, std::max(most.own_rows, data.items));
  const auto listed =
      std::min(std::int64_t(data.train.size()) + local * config.evaluation.candidates.number,
               std::max(most.listed, 2 * data.items));
  return rank::table_bytes(shape) + rank::batch_bytes(shape, shape.own_count + listed);
}

std::int64_t server_bytes(const Config& config, const ModelSpec& spec, const Dataset& data,
                          std::int64_t ranks) {
  return grouping_bytes(config, spec, data) + ranking_bytes(config, spec, data) +
         (spec.has_teacher ? GroupTeacher::device_bytes(config, spec, data) : 0) +
         ItemViews::device_bytes(config, spec, data, ranks);
}

void check_table(const ModelSpec& spec, const Dataset& data) {
  const auto tables = std::max<std::int64_t>(spec.views, spec.most_groups);
  if (data.items * tables > std::numeric_limits<std::int32_t>::max())
    throw InputError(
        cat(data.items, " items in ", tables, " tables are too many rows for a device"),
        "a row's number has 31 bits there", "use fewer --groups, or --device cpu");
}

// Samples of a round on this rank.
struct Samples {
  std::int64_t largest = 1, all = 0;  // all: of as many clients as may take part, the heaviest
  Samples(const Config& config, const Dataset& data) {
    const auto participants = participants_of_round(config.federation, data.clients);
    for (std::size_t k = 0; k < data.heaviest_first.size(); ++k) {
      const auto samples =
          samples_of(data, data.heaviest_first[k], config.federation.negatives_per_positive);
      largest = std::max(largest, samples);
      if (std::int64_t(k) < participants) all += samples;
    }
  }
};

class Planner {
 public:
  Planner(const Config& config, const ModelSpec& spec, const Dataset& data,
          const DeviceLimits& device)
      : config_(config), spec_(spec), data_(data), device_(device), samples_(config, data) {
    plan_.engine_bytes = listed_bytes<EngineBuffers>(config, spec, data).device;
    plan_.server_bytes = server_bytes(config, spec, data, device.ranks);
  }

  // The chunks of a round whose memory is no matter, but for the host's pinned memory.
  [[nodiscard]] ChunkLimits whole(bool resident) const {
    constexpr std::int64_t most_pinned = std::int64_t(512) << 20;
    MemoryPlan one;
    one.limits = {.samples = 0, .clients = 1};
    one.state_resident = resident;
    const auto pinned_a_client =
        listed_bytes<ChunkBuffers>(chunk_sizes(config_, spec_, data_, one, 0)).pinned;
    const auto most_clients = std::clamp<std::int64_t>(
        most_pinned / pinned_a_client, 1, std::max<std::int64_t>(1, data_.local_clients()));
    return {.samples = std::min(device_.limits.samples, samples_.all),
            .clients = std::min(device_.limits.clients, most_clients)};
  }

  // Whether such a plan fits; it becomes plan().
  [[nodiscard]] bool fits(ChunkLimits limits, bool store, bool resident) {
    limits.samples = std::max(limits.samples, samples_.largest);
    plan_.limits = limits;
    plan_.stores_uploads = store;
    plan_.state_resident = resident;
    plan_.state_bytes = resident ? ResidentState::bytes(spec_, data_.local_clients()) : 0;
    const auto sizes = chunk_sizes(config_, spec_, data_, plan_, device_.scratch_floats);
    plan_.chunk_bytes = listed_bytes<ChunkBuffers>(sizes).device;
    plan_.upload_bytes = store ? upload_bytes(samples_.all, data_.local_clients())
                               : chunks_in_flight * upload_bytes(limits.samples, limits.clients);
    return plan_.needed() <= device_.free_bytes;
  }

  [[nodiscard]] InputError too_little(const std::string& what, const char* instead) const {
    return {cat("the device ", device_.device, " has too little memory", what),
            cat(plan_.needed(), " bytes are needed, ", device_.free_bytes, " are free"), instead};
  }
  [[nodiscard]] const MemoryPlan& plan() const { return plan_; }

 private:
  [[nodiscard]] std::int64_t upload_bytes(std::int64_t samples, std::int64_t clients) const {
    return listed_bytes<UploadBuffers>(spec_, samples, clients).device;
  }

  const Config& config_;
  const ModelSpec& spec_;
  const Dataset& data_;
  const DeviceLimits& device_;
  Samples samples_;
  MemoryPlan plan_;
};

}  // namespace

bool device_ranks_clients(const ModelSpec& spec) {
  return rank::serves(spec.head, spec.views + (spec.has_base ? 1 : 0), spec.view_width,
                      spec.shares_head);
}

ChunkSizes chunk_sizes(const Config& config, const ModelSpec& spec, const Dataset& data,
                       const MemoryPlan& plan, std::int64_t scratch_floats) {
  return {.spec = spec,
          .limits = plan.limits,
          .state_resident = plan.state_resident,
          .items = data.items,
          .local_epochs = config.federation.local_epochs,
          .scratch_floats = scratch_floats};
}

MemoryPlan plan_memory(const Config& config, const ModelSpec& spec, const Dataset& data,
                       const DeviceLimits& device) {
  check_table(spec, data);
  Planner planner(config, spec, data, device);
  std::vector<bool> homes;  // of the state: true: the device
  if (config.execution.client_state != StateHome::host) homes.push_back(true);
  if (config.execution.client_state != StateHome::device) homes.push_back(false);
  if (spec.has_second_pass() && config.execution.uploads != UploadMode::replay)
    for (const bool resident : homes)
      if (planner.fits(planner.whole(resident), true, resident)) return planner.plan();
  if (spec.has_second_pass() && config.execution.uploads == UploadMode::store)
    throw planner.too_little(" to keep all uploads",
                             "use --uploads auto, more ranks on more devices, or --device cpu");
  for (const bool resident : homes)
    if (planner.fits(planner.whole(resident), false, resident)) return planner.plan();
  const bool resident = homes.back();
  for (auto limits = planner.whole(resident);;
       limits = {limits.samples / 2, std::max<std::int64_t>(1, limits.clients / 2)}) {
    if (planner.fits(limits, false, resident)) return planner.plan();
    if (limits.clients > 1) continue;
    if (config.execution.client_state == StateHome::device)
      throw planner.too_little(
          " to hold the clients' state",
          "use --client-state auto, more ranks on more devices, or --device cpu");
    throw planner.too_little(
        "", "use more ranks on more devices, a smaller --dim or --groups, or --device cpu");
  }
}

}  // namespace fedfuse
