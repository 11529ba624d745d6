#include "server/device/memory_plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "kernels/aggregate/aggregate_gpu.hpp"
#include "kernels/rank/rank_gpu.hpp"
#include "server/device/resident_state.hpp"
#include "server/grouping.hpp"
#include "server/item_views.hpp"
#include "server/teacher.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t word = 4, wide = 8;

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

std::int64_t fixed_bytes(const Config& config, const ModelSpec& spec, const Dataset& data) {
  const std::int64_t cells = data.items * spec.view_width, groups = spec.most_groups;
  const auto clients = data.local_clients();
  // interactions; the pool of negatives
  return word * std::int64_t(data.train.size()) + (3 * word + wide) * (clients + 1) +
         word * data.items + spec.views * cells * (word + wide)  // views and their sums
         + groups * (data.items * word + cells * wide)           // preferences and group sums
         + spec.head.theta * (word + wide)                       // heads and their sum
         + grouping_bytes(config, spec, data) + ranking_bytes(config, spec, data) +
         (spec.has_teacher ? GroupTeacher::device_bytes(config, spec, data) : 0);
}

// Private numbers of a client that a lane has a place for, on the device. theta, user and router in
// and out, or with a resident state only the head for the grouping of the teacher; a shared head as
// the client left it.
std::int64_t lane_numbers(const ModelSpec& spec, bool resident) {
  const std::int64_t left = spec.shares_head || spec.has_teacher ? spec.head.theta : 0;
  if (resident) return left;
  return (spec.shares_head ? spec.head.theta : 2 * spec.head.theta) +
         2 * (spec.head.user + spec.router.size);
}
// ... and in pinned memory of the host, where nobody else can have it.
std::int64_t pinned_numbers(const ModelSpec& spec, bool resident) {
  const std::int64_t head =
      spec.has_teacher || !(spec.shares_head || resident) ? spec.head.theta : 0;
  return head + (resident ? 0 : spec.head.user + spec.router.size);
}

std::int64_t bytes_of_lane(const Config& config, const ModelSpec& spec, const Dataset& data,
                           const ChunkLimits& limits, bool resident) {
  const std::int64_t entry_words = 1 + config.federation.local_epochs;
  const std::int64_t table_rows = data.items * std::max<std::int64_t>(spec.views, spec.most_groups);
  const std::int64_t updates = spec.views * limits.room;
  constexpr std::int64_t words_a_client = 12, wides_a_client = 6, rows_a_client = 2;
  const std::int64_t a_client =
      word * (lane_numbers(spec, resident) + words_a_client + (resident ? rows_a_client : 0)) +
      wides_a_client * wide;
  return limits.room * word * entry_words + 2 * word * updates +
         word * aggregate::sort_scratch(table_rows, updates) + limits.clients * a_client;
}

std::int64_t bytes_a_sample_kept(const ModelSpec& spec) {
  return word * (1 + std::int64_t(spec.views) * spec.view_width +
                 (spec.has_overlay() ? spec.overlay_width() : 0));
}

void check_table(const ModelSpec& spec, const Dataset& data) {
  const auto tables = std::max<std::int64_t>(spec.views, spec.most_groups);
  if (data.items * tables > std::numeric_limits<std::int32_t>::max())
    throw InputError(
        cat(data.items, " items in ", tables, " tables are too many rows for a device"),
        "a row's number has 31 bits there", "use fewer --groups, or --device cpu");
}

}  // namespace

bool device_ranks_clients(const ModelSpec& spec) {
  return rank::serves(spec.head, spec.views + (spec.has_base ? 1 : 0), spec.view_width,
                      spec.shares_head);
}

MemoryPlan plan_memory(const Config& config, const ModelSpec& spec, const Dataset& data,
                       const ChunkLimits& usual, std::int64_t scratch_bytes, std::int64_t free,
                       const std::string& device, std::int64_t ranks) {
  check_table(spec, data);
  std::int64_t largest = 1, all = 0;  // all: of as many clients as may take part, the heaviest
  const auto participants = participants_of_round(config.federation, data.clients);
  for (std::size_t k = 0; k < data.heaviest_first.size(); ++k) {
    const auto samples =
        samples_of(data, data.heaviest_first[k], config.federation.negatives_per_positive);
    largest = std::max(largest, samples);
    if (std::int64_t(k) < participants) all += samples;
  }
  const auto whole = [&](bool resident) {
    constexpr std::int64_t most_pinned = std::int64_t(512) << 20;
    const auto most_clients = std::clamp<std::int64_t>(
        most_pinned / std::max<std::int64_t>(1, word * pinned_numbers(spec, resident)), 1,
        std::max<std::int64_t>(1, data.local_clients()));
    return ChunkLimits{std::min(usual.room, all), std::min(usual.clients, most_clients)};
  };
  MemoryPlan plan;
  plan.fixed_bytes =
      fixed_bytes(config, spec, data) + ItemViews::device_bytes(config, spec, data, ranks);
  const auto a_sample = bytes_a_sample_kept(spec);
  const bool second_pass = spec.has_second_pass();
  const auto fit = [&](ChunkLimits limits, bool store, bool resident) {
    limits.room = std::max(limits.room, largest);
    plan.limits = limits;
    plan.stores_uploads = store;
    plan.state_resident = resident;
    plan.state_bytes = resident ? ResidentState::bytes(spec, data.local_clients()) : 0;
    plan.lane_bytes = bytes_of_lane(config, spec, data, limits, resident) + scratch_bytes;
    plan.upload_bytes = a_sample * (store ? all : lanes * limits.room) +
                        word * (store ? data.local_clients() : lanes * limits.clients);
    return plan.needed() <= free;
  };
  const auto too_little = [&](const std::string& what, const char* instead) {
    return InputError(cat("the device ", device, " has too little memory", what),
                      cat(plan.needed(), " bytes are needed, ", free, " are free"), instead);
  };
  std::vector<bool> homes;  // of the state: true: the device
  if (config.execution.client_state != StateHome::host) homes.push_back(true);
  if (config.execution.client_state != StateHome::device) homes.push_back(false);
  if (second_pass && config.execution.uploads != UploadMode::replay)
    for (const bool resident : homes)
      if (fit(whole(resident), true, resident)) return plan;
  if (second_pass && config.execution.uploads == UploadMode::store)
    throw too_little(" to keep all uploads",
                     "use --uploads auto, more ranks on more devices, or --device cpu");
  for (const bool resident : homes)
    if (fit(whole(resident), false, resident)) return plan;
  const bool resident = homes.back();
  for (auto limits = whole(resident);;
       limits = {limits.room / 2, std::max<std::int64_t>(1, limits.clients / 2)}) {
    if (fit(limits, false, resident)) return plan;
    if (limits.clients > 1) continue;
    if (config.execution.client_state == StateHome::device)
      throw too_little(" to hold the clients' state",
                       "use --client-state auto, more ranks on more devices, or --device cpu");
    throw too_little(
        "", "use more ranks on more devices, a smaller --dim or --groups, or --device cpu");
  }
}

}  // namespace fedfuse
