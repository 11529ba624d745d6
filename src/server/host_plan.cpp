#include "server/host_plan.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"
#include "kernels/sample/sample.hpp"
#include "server/closed_teacher.hpp"
#include "server/old_models.hpp"
#include "server/prior_teacher.hpp"
#include "server/uploads.hpp"

namespace fedfuse {
namespace {

constexpr double float_bytes = 4, int_bytes = 4, sum_bytes = 8;

double most_positives(const Dataset& data) {
  std::size_t most = 0;
  for (std::int64_t u = 0; u < data.local_clients(); ++u)
    most = std::max(most, data.positives(u).size());
  return double(most);
}

// Of the client with the most, in an epoch. In double: the product may not fit 64 bits.
double most_samples(const Config& config, const Dataset& data) {
  return most_positives(data) * (1.0 + double(config.federation.negatives_per_positive));
}

std::string given(const char* option, std::int64_t value) { return cat(option, " ", value); }

// The option that multiplies a client's positives most.
std::string sample_option(const Config& config) {
  const auto& o = config.federation;
  return o.local_epochs > o.negatives_per_positive
             ? given("--local-epochs", o.local_epochs)
             : given("--negatives-per-positive", o.negatives_per_positive);
}

void check_samples(const Config& config, const Dataset& data) {
  constexpr double most = 2147483647;
  const double entries = most_samples(config, data) * double(config.federation.local_epochs);
  if (entries > most)
    throw InputError(sample_option(config),
                     cat("a client would train on ", entries, " samples in a round; at most ", most,
                         " can be counted"),
                     "lower --negatives-per-positive or --local-epochs");
}

}  // namespace

std::vector<MemoryNeed> memory_needs(const Config& config, const ModelSpec& spec,
                                     const Dataset& data, int threads) {
  const double items = double(data.items), clients = double(data.local_clients()),
               width = double(spec.view_width), views = double(spec.views),
               groups = double(spec.most_groups), epochs = double(config.federation.local_epochs);
  const double samples = most_samples(config, data), slots = std::min(samples, items),
               team = std::min(double(threads), clients);
  const auto dim = given("--dim", config.model.dim);
  std::vector<MemoryNeed> needs;
  needs.push_back({dim, 2 * views * items * width * (float_bytes + sum_bytes / 2) +
                            (spec.counts_rows ? items * sum_bytes : 0)});
  needs.push_back(
      {dim, clients * double(spec.head.user + spec.router.size) * float_bytes +
                (spec.shares_head ? 0 : clients * double(spec.head.theta) * float_bytes)});
  if (is_buffered(config.participation))
    needs.push_back({given("--max-staleness", config.participation.max_staleness),
                     OldModels::bytes(config, data.clients, views * items * width * float_bytes)});
  if (spec.has_teacher) {
    const double of_group = spec.group_scores ? 1 : width;
    needs.push_back({given("--groups", spec.most_groups), groups * items * of_group * sum_bytes});
    if (spec.group_scores)
      needs.push_back({given("--teacher-hidden", config.gfmfr.teacher.hidden),
                       ClosedTeacher::bytes(config, data)});
    needs.push_back({given("--group-dim", config.gfmfr.group_dim),
                     (groups + double(spec.d)) * double(config.gfmfr.group_dim) * float_bytes});
  }
  if (spec.has_prior()) {
    std::ranges::copy(PriorTeacher::memory_needs(config, data), std::back_inserter(needs));
    needs.push_back({given("--prior-groups", spec.prior_groups),
                     double(spec.prior_groups) *
                         (items * (2 * float_bytes + sum_bytes) + clients * float_bytes)});
  }
  if (config.attack.defence != Defence::none) {  // all rows, kept and on their way
    const double rows = double(sample::samples_an_epoch(std::int64_t(data.train.size()),
                                                        config.federation.negatives_per_positive));
    needs.push_back({cat("--defence ", config.attack.defence),
                     2 * rows * config.federation.fraction * views * width * float_bytes});
  }
  if (config.device.kind != DeviceKind::cpu) return needs;  // clients train elsewhere
  needs.push_back(
      {sample_option(config), team * samples * (epochs * 2 * int_bytes + 3 * int_bytes)});
  needs.push_back({dim, team * slots * views * width * float_bytes});
  if (spec.has_second_pass() && config.execution.uploads == UploadMode::store)
    needs.push_back({"--uploads store", upload_bytes(config, spec, data)});
  return needs;
}

void check_host_memory(const Config& config, const Dataset& data, int threads, const Comm& comm) {
  std::vector<MemoryNeed> needs;
  comm.together([&] {
    check_samples(config, data);
    needs = memory_needs(config, resolve(config), data, threads);
  });
  check_memory_needs(needs, comm);
}

}  // namespace fedfuse
