#include <algorithm>

#include "app/commands.hpp"
#include "app/print.hpp"
#include "app/standard_output.hpp"
#include "app/threads.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/output_claim.hpp"
#include "data/read_dataset.hpp"
#include "evaluation/evaluate.hpp"
#include "results/json_text.hpp"
#include "results/output_space.hpp"
#include "results/provenance.hpp"
#include "results/reader.hpp"
#include "results/validity.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

// The part of a run's configuration that decides which clients and items are ranked.
Config protocol_config(const EvaluateOptions& o) {
  Config config;
  config.evaluation.candidates = o.candidates;
  config.evaluation.cold_items = o.cold_items;
  config.evaluation.clients = o.eval_clients;
  config.federation.seed = o.seed;
  config.execution.threads = o.threads;
  return config;
}

std::vector<int> checked_cutoffs(const EvaluateOptions& o, std::int64_t items) {
  const auto sampled =
      o.candidates.kind == Candidates::Kind::full ? items : o.candidates.number + 1;
  if (o.k.empty()) throw InputError("--k", "no cutoff is given", "try --k 10,20,50");
  std::vector<int> cutoffs_asked;
  for (const auto k : o.k) {
    if (k < 1) throw InputError(cat("--k ", k), "a cutoff counts items from 1", "try --k 10,20,50");
    if (k > items)
      throw InputError(cat("--k ", k), cat("there are only ", items, " items"),
                       "give smaller cutoffs");
    if (k > sampled)
      throw InputError(
          cat("--k ", k),
          cat("--candidates ", text_of(o.candidates), " ranks among ", sampled, " items"),
          "give smaller cutoffs or more candidates");
    cutoffs_asked.push_back(int(k));
  }
  return cutoffs_asked;
}

struct Line {
  const char *split, *items;
  const MetricsAt& metrics;
};

std::vector<Line> lines(const EvaluationAt& e) {
  return {{"validation", "all", e.valid.all},   {"validation", "warm", e.valid.warm},
          {"validation", "cold", e.valid.cold}, {"test", "all", e.test.all},
          {"test", "warm", e.test.warm},        {"test", "cold", e.test.cold}};
}

std::string table_text(const EvaluationAt& evaluation, const std::vector<int>& k) {
  std::vector<std::vector<std::string>> rows{{"split", "held-out", "clients"}};
  for (const char* metric : {"HR", "NDCG"})
    for (const int at : k) rows[0].push_back(cat(metric, "@", at));
  for (const auto& line : lines(evaluation)) {
    rows.push_back({line.split, line.items, grouped(line.metrics.clients)});
    for (const auto* values : {&line.metrics.hr, &line.metrics.ndcg})
      for (const double v : *values)
        rows.back().push_back(line.metrics.clients > 0 ? fixed(100 * v, 2) : "-");
  }
  return aligned(rows, 2) +
         "In percent; warm and cold: held-out items that somebody, nobody trains on.\n";
}

std::string json_of(const EvaluationAt& evaluation, const std::vector<int>& k,
                    const EvaluateOptions& o, const LoadedResult& result,
                    const std::string& provenance) {
  Json json = Json::object();
  json["format"] = "fedfuse-evaluation";
  json["model"] = o.model;
  json["model_round"] = result.record.model_round;
  json["model_status"] = text_of(result.record.status);
  if (is_invalid(result.record.status)) json["invalid"] = result.record.status_text;
  json["data"] = o.data;
  json["identity"] = Json::parse(identity_json(result.record.identity));
  json["candidates"] = text_of(o.candidates);
  json["cold_items"] = text_of(o.cold_items);
  json["eval_clients"] = o.eval_clients;
  json["seed"] = o.seed;
  json["skipped_cold"] = evaluation.skipped_cold;
  json["k"] = k;
  for (const auto& line : lines(evaluation))
    json[line.split == std::string("test") ? "test" : "valid"][line.items] = {
        {"clients", line.metrics.clients}, {"hr", line.metrics.hr}, {"ndcg", line.metrics.ndcg}};
  json["provenance"] = Json::parse(provenance);
  return json_text(json, 1) + "\n";
}

}  // namespace

void run_evaluate(const EvaluateOptions& o, const std::vector<std::string>& argv, const Comm& comm,
                  const Stop& stop) {
  const auto config = protocol_config(o);
  validate(config);
  const OutputClaims claims({{"--out", o.out}}, {{"--model", o.model}, {"--data", o.data}},
                            o.overwrite, comm);
  if (!o.out.empty()) comm.on_root([&] { check_output(o.out, o.overwrite); });
  const int threads = set_threads(o.threads, comm);
  const auto data = read_dataset(o.data, comm);
  validate_against_data(config, data.clients, data.items, comm.size());
  const auto k = checked_cutoffs(o, data.items);
  const auto result = read_result(o.model, data, comm);
  check_same_data(o.model, result.record.identity, data, comm);
  const auto& model = result.model;
  const auto ranks = evaluate_ranks(model.spec, model.global, model.state, data,
                                    evaluation_protocol(config.evaluation, config.federation.seed),
                                    comm, nullptr, {}, stop);
  const auto evaluation = metrics_at(ranks, data, k, comm);
  const auto provenance = provenance_json(argv, threads, comm);
  comm.on_root([&] {
    const auto& record = result.record;
    if (is_invalid(record.status))
      print(cat("INVALID: the run of ", o.model, " ", text_of(record.status), ": ",
                record.status_text, "\n"));
    print(cat(record.config.model.backbone, " + ", record.config.model.fusion, " after round ",
              record.model_round, ", candidates ", text_of(o.candidates), ", cold items ",
              o.cold_items == ColdItems::rank ? "ranked" : "left out", "\n"));
    print(table_text(evaluation, k));
    if (!o.out.empty())
      write_text_file(o.out, json_of(evaluation, k, o, result, provenance),
                      o.overwrite ? Existing::replace : Existing::keep_beside);
  });
}

}  // namespace fedfuse
