#include "results/writer.hpp"

#include "data/output_file.hpp"
#include "results/config_text.hpp"
#include "results/json_text.hpp"
#include "results/model_io.hpp"
#include "results/output_space.hpp"
#include "results/schema.hpp"
#include "results/twin.hpp"

namespace fedfuse {
namespace {

using Json = nlohmann::ordered_json;

// Rank 0's texts for all: an attribute is written by all ranks, which must agree on its bytes.
std::string agreed(std::string text, const Comm& comm) {
  comm.broadcast(text);
  constexpr std::size_t most = 56000;  // HDF5 attributes end at 64 KiB
  if (text.size() > most) text.resize(most);
  return text;
}

// Rank 0's, with the seed.
std::string full_provenance(const RunRecord& record, const Comm& comm) {
  auto p = Json::parse(record.provenance, nullptr, false);
  if (!p.is_object()) p = Json::object();
  p["seed"] = record.config.federation.seed;
  auto text = json_text(p);
  comm.broadcast(text);
  return text;
}

std::string notes_text(const RunRecord& record) {
  constexpr std::size_t longest = 4096;
  Json notes = Json::object();
  for (const auto& [name, text] : record.notes) notes[name] = text.substr(0, longest);
  return json_text(notes);
}

void write_table(ResultSink& sink, const std::string& group, const Table& table) {
  sink.group(group);
  for (const auto& column : table.columns()) {
    auto values = column.values;
    sink.comm().broadcast(std::span<double>(values));  // timings differ by rank in their last bits
    sink.all<double>(group + "/" + column.name, 0, std::span<const double>(values), column.unit,
                     column.meaning);
  }
}

void write_facts(ResultSink& sink, const std::map<std::string, double>& facts) {
  sink.group("/facts");
  for (const auto& [name, value] : facts) {
    const auto* field = find_field(Section::facts, name);
    double agreed_value = value;
    sink.comm().broadcast(std::span<double>(&agreed_value, 1));
    sink.all<double>("/facts/" + name, 0, std::span<const double>(&agreed_value, 1),
                     field != nullptr ? field->unit : "", field != nullptr ? field->meaning : "");
  }
}

void write_attributes(ResultSink& sink, const RunRecord& record, const std::string& provenance,
                      const Dataset& data) {
  const auto& comm = sink.comm();
  const auto text = [&](const char* name, const std::string& value) {
    sink.attribute("/", name, agreed(value, comm));
  };
  text("format", "fedfuse-result");
  sink.attribute("/", "schema_version", result_schema);
  text("status", text_of(record.status));
  text("status_text", record.status_text);
  sink.attribute("/", "best_round", record.best_round);
  sink.attribute("/", "model_round", record.model_round);
  text("config", config_to_json(record.config));
  text("identity", identity_json(record.identity));
  text("provenance", provenance);
  text("notes", notes_text(record));
  text("data_name", data.name);
  sink.attribute("/", "clients", data.clients);
  sink.attribute("/", "items", data.items);
  sink.attribute("/", "train_interactions", data.train_interactions);
}

}  // namespace

void write_result(const std::string& path, const RunRecord& record, const ModelSpec& spec,
                  const GlobalModel& global, const ClientState& state, const Dataset& data,
                  const Comm& comm, Existing existing) {
  const auto bytes = result_bytes(record, global, state, comm);
  const auto provenance = full_provenance(record, comm);
  OutputFile output(path, existing, bytes, comm);  // removes what it began unless it is committed
  comm.on_root([&] { reserve_space(output.partial(), path, bytes); });
  {
    ResultSink sink(output.partial(), path, comm, bytes);
    write_attributes(sink, record, provenance, data);
    write_table(sink, "/metrics", record.metrics);
    write_table(sink, "/time", record.time);
    write_table(sink, "/traffic", record.traffic);
    write_table(sink, "/groups", record.groups);
    write_table(sink, "/privacy", record.privacy);
    write_table(sink, "/clock", record.clock);
    write_table(sink, "/classes", record.classes);
    write_table(sink, "/activity", record.activity);
    write_table(sink, "/work", record.work);
    write_table(sink, "/baselines", record.baselines);
    sink.attribute("/baselines", "rows", std::string("popularity, cold-first"));
    write_facts(sink, record.facts);
    write_model(sink, record, spec, global, state, data);
    sink.close();
  }
  output.commit();
  comm.on_root(
      [&] { write_text_file(twin_path(path), twin_text(record, provenance, data), existing); });
}

}  // namespace fedfuse
