// The JSON twin: the small parts of a result, for tools that do not read HDF5. NaN becomes null.
#include "results/twin.hpp"

#include "results/config_text.hpp"
#include "results/json_text.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

Json table_json(const Table& table) {
  Json columns = Json::object();
  for (const auto& column : table.columns()) columns[column.name] = column.values;
  return columns;
}

}  // namespace

std::string twin_text(const RunRecord& record, const std::string& provenance, const Dataset& data) {
  Json twin = Json::object();
  twin["format"] = "fedfuse-result";
  twin["schema_version"] = result_schema;
  twin["status"] = text_of(record.status);
  twin["status_text"] = record.status_text;
  twin["best_round"] = record.best_round;
  twin["model_round"] = record.model_round;
  twin["identity"] = Json::parse(identity_json(record.identity));
  twin["data"] = {{"name", data.name},
                  {"clients", data.clients},
                  {"items", data.items},
                  {"train_interactions", data.train_interactions}};
  twin["config"] = Json::parse(config_to_json(record.config));
  twin["provenance"] = Json::parse(provenance);
  twin["facts"] = record.facts;
  twin["notes"] = record.notes;
  twin["metrics"] = table_json(record.metrics);
  twin["time"] = table_json(record.time);
  twin["traffic"] = table_json(record.traffic);
  twin["groups"] = table_json(record.groups);
  twin["privacy"] = table_json(record.privacy);
  twin["clock"] = table_json(record.clock);
  twin["classes"] = table_json(record.classes);
  twin["activity"] = table_json(record.activity);
  twin["work"] = table_json(record.work);
  twin["baselines"] = table_json(record.baselines);
  return json_text(twin, 1) + "\n";
}

}  // namespace fedfuse
