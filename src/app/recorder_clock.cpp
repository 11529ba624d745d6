// The part of the record that tells of simulated devices and their time.
#include <algorithm>
#include <cmath>

#include "app/recorder.hpp"
#include "core/text.hpp"
#include "evaluation/kinds.hpp"

namespace fedfuse {
namespace {

double seconds(std::int64_t microseconds) { return 1e-6 * double(microseconds); }

}  // namespace

void Recorder::clock(const Selection& s, const Federation& federation) {
  auto& c = record.clock;
  c.begin_row();
  c.set("simulated_s", seconds(s.took));
  c.set("simulated_total_s", seconds(federation.participation()->now()));
  c.set("available", double(s.available));
  c.set("invited", double(s.invited));
  c.set("delivered", double(s.delivered));
  c.set("dropped", double(s.dropped));
  c.set("late", double(s.late));
  c.set("client_s", seconds(s.of_devices));
  c.set("wasted_client_s", seconds(s.wasted));
  if (!s.step) return;
  std::int64_t sum = 0, most = 0;
  for (const auto& flight : s.step->counted) {
    sum += s.step->version - flight.version;
    most = std::max(most, s.step->version - flight.version);
  }
  c.set("staleness_mean", double(sum) / double(s.step->counted.size()));
  c.set("staleness_max", double(most));
  c.set("in_flight", double(s.step->in_flight.size()));
  c.set("old_models", double(federation.old_models().count()));
}

void Recorder::quoted(const RoundEvaluation& evaluation, const Participation& participation) {
  std::vector<std::int64_t> clients(participation.kinds().size());
  for (const auto kind : participation.kind_of())
    if (!clients.empty()) ++clients[std::size_t(kind)];
  comm_.sum(clients);
  const auto kinds = metrics_of_kinds(evaluation.ranks, data_, participation.kind_of(),
                                      std::int32_t(clients.size()), comm_);
  auto& table = record.classes;
  table = {};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    table.begin_row();
    table.set("class_clients", double(clients[k]));
    table.set("class_deliveries", double(participation.deliveries()[k]) / double(clients[k]));
    quality(table, "class", kinds[k]);
  }
}

void Recorder::finish_clock(const Participation& participation) {
  const auto& c = record.clock;
  auto& facts = record.facts;
  facts["simulated_seconds"] = seconds(participation.now());
  if (record.best_round > 0)
    facts["simulated_seconds_to_best"] =
        c.at("simulated_total_s", std::size_t(record.best_round) - 1);
  if (const double all = sum_of(c, "client_s"); all > 0)
    facts["wasted_share"] = sum_of(c, "wasted_client_s") / all;
  auto& notes = record.notes;
  notes["participation"] =
      "a model of devices: a turn takes the seconds of its samples and of the dense protocol's "
      "bytes; devices share no network, do not queue, and are free again in the next round; "
      "simulated seconds are no measured ones";
  if (is_buffered(record.config.participation))
    notes["participation"] =
        "buffered asynchronous: a round is a step of the server, made when --async uploads have "
        "come, and clients start whenever there is a place; otherwise a model of devices: a turn "
        "takes the seconds of its samples and of the dense protocol's bytes; devices share no "
        "network and do not queue; simulated seconds are no measured ones";
  if (!participation.kinds().empty()) notes["device_classes"] = joined(participation.kinds(), ", ");
  if (!participation.files().empty()) notes["participation_files"] = participation.files();
}

}  // namespace fedfuse
