#include "server/group_prior.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/finite.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"
#include "server/grouping/agreement.hpp"
#include "server/prior_start.hpp"
#include "server/prior_sums.hpp"
#include "server/server_diverged.hpp"

namespace fedfuse {
namespace {

std::vector<std::int32_t> random_start(const Config& config, const Dataset& data) {
  const Rng rng(config.federation.seed, Purpose::grouping);
  const auto groups = std::uint32_t(config.prior.groups);
  std::vector<std::int32_t> start;
  for (const auto id : data.client_ids)
    start.push_back(std::int32_t(Rng::below(rng.words(std::uint64_t(id), 0, 0)[0], groups)));
  return start;
}

// The distinct labels of all clients, in ascending order, are the groups.
std::vector<std::int32_t> label_start(const Config& config, const Dataset& data, const Comm& comm) {
  comm.together([&] {
    for (std::size_t u = 0; u < data.client_ids.size(); ++u)
      if (data.label[u] < 0)
        throw InputError("--prior-start labels",
                         cat("client ", data.client_ids[u], " has no label in the data set"),
                         "use a data set with a label for every client, or another start");
  });
  const auto names = distinct_values(data.label, comm);
  if (std::int64_t(names.size()) > config.prior.groups)
    throw InputError(cat("--prior-start labels with --prior-groups ", config.prior.groups),
                     cat("the data set has ", names.size(), " different labels"),
                     cat("use --prior-groups ", names.size()));
  std::vector<std::int32_t> start;
  for (const auto label : data.label)
    start.push_back(std::int32_t(std::ranges::lower_bound(names, label) - names.begin()));
  return start;
}

}  // namespace

GroupPriorServer::GroupPriorServer(const Config& config, const Dataset& data,
                                   const Kernels& kernels)
    : config_(config), data_(data), kernels_(kernels), teacher_(config, data, kernels) {}

std::vector<std::int32_t> GroupPriorServer::start_groups(const Comm& comm) const {
  switch (config_.prior.start) {
    case PriorStart::random:
      return random_start(config_, data_);
    case PriorStart::labels:
      return label_start(config_, data_, comm);
    case PriorStart::behaviour:
      break;
  }
  return behaviour_start(teacher_.features(), data_, config_.prior.groups, config_.federation.seed,
                         comm);
}

void GroupPriorServer::start(Matrix<float>& to, const Comm& comm) const {
  const auto groups = start_groups(comm);
  to = Matrix<float>(data_.local_clients(), config_.prior.groups);
  for (std::size_t u = 0; u < groups.size(); ++u) to(std::int64_t(u), groups[u]) = 1.0f;
}

GroupPriorServer::Taught GroupPriorServer::teach(const std::vector<std::int32_t>& local,
                                                 std::int64_t participants,
                                                 const Matrix<float>& shares, const Comm& comm,
                                                 const Stop& stop) {
  PriorSums sums(data_.items, config_.prior.groups, participants, kernels_);
  comm.together([&] { sums.add(local, data_, shares); });
  sums.reduce(comm);
  Taught taught;
  taught.loss = teacher_.train(sums.sums(), sums.mass(), comm, stop);
  taught.logits = teacher_.logits(comm);
  throw_if_diverged(!all_finite(taught.logits.span()), comm, "the teacher of the group prior",
                    "a logit is not finite", "lower --prior-lr");
  return taught;
}

}  // namespace fedfuse
