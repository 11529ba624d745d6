#include "evaluation/exposure.hpp"

#include <algorithm>

#include "clients/attackers.hpp"

namespace fedfuse {
namespace {

Dataset without_features(const Dataset& data) {
  Dataset copy;
  copy.name = data.name;
  copy.path = data.path;
  copy.clients = data.clients;
  copy.items = data.items;
  copy.train_interactions = data.train_interactions;
  copy.popularity = data.popularity;
  copy.client_ids = data.client_ids;
  copy.offsets = data.offsets;
  copy.train = data.train;
  copy.heaviest_first = data.heaviest_first;
  return copy;
}

}  // namespace

Exposure::Exposure(const Config& config, const Dataset& data) : data_(without_features(data)) {
  const auto target = attacked_item(config, data);
  const auto clients = data.client_ids.size();
  data_.valid.assign(clients, -1);
  data_.label.assign(clients, -1);
  for (std::size_t u = 0; u < clients; ++u) {
    const bool has = std::ranges::binary_search(data.positives(std::int64_t(u)), target);
    const bool honest = !is_attacker(config, data.client_ids[u]);
    data_.test.push_back(honest && !has ? target : -1);
  }
}

std::array<double, cutoffs.size()> Exposure::rates(const ModelSpec& spec, const GlobalModel& global,
                                                   const ClientState& state,
                                                   const EvaluationProtocol& protocol,
                                                   const Comm& comm) const {
  auto everybody = protocol;
  everybody.exclude_cold = false;
  return evaluate(spec, global, state, data_, everybody, comm).test.all.hr;
}

}  // namespace fedfuse
