#include "results/reader.hpp"

#include <nlohmann/json.hpp>

#include "results/config_text.hpp"
#include "results/model_io.hpp"
#include "results/schema.hpp"

namespace fedfuse {
namespace {

void check_kind(const h5::File& file) {
  const auto format = file.has_attribute("/", "format") ? file.text("/", "format") : std::string();
  if (format != "fedfuse-result")
    throw InputError(
        cat(file.path(), " is not a result of fedfuse"),
        format.empty() ? "it has no attribute `format`" : cat("its format is ", format),
        "name a file that `fedfuse train` wrote");
  const auto version = file.integer("/", "schema_version");
  if (version != result_schema)
    throw InputError(cat(file.path(), " has schema version ", version),
                     cat("this fedfuse reads version ", result_schema),
                     "use the fedfuse that wrote it, or train again");
}

Table read_table(const h5::File& file, const std::string& group) {
  Table table;
  if (!file.has(group)) return table;
  for (const auto& name : file.children(group)) {
    const auto path = cat(group, "/", name);
    if (find_field(Section::metrics, name) == nullptr &&
        find_field(Section::time, name) == nullptr &&
        find_field(Section::traffic, name) == nullptr &&
        find_field(Section::groups, name) == nullptr)
      continue;  // /groups also holds arrays
    const auto values = file.read_all<double>(path);
    table.add_column({name,
                      file.text(path, "unit"),
                      file.text(path, "meaning"),
                      {values.begin(), values.end()}});
  }
  return table;
}

// HDF5 answers damage inside a file with an error code: for a reader that is a bad file, not a bug.
template <class Work>
auto reading(const std::string& path, Work&& work) {
  try {
    return work();
  } catch (const InternalError& e) {
    throw InputError(cat("cannot read ", path), e.what(), "the file may be damaged: make it again");
  } catch (const nlohmann::json::exception& e) {
    throw InputError(cat("cannot read ", path), e.what(), "the file may be damaged: make it again");
  }
}

}  // namespace

RunRecord read_small_parts(const h5::File& file) {
  check_kind(file);
  RunRecord record;
  record.config = config_from_json(file.text("/", "config"));
  record.provenance = file.text("/", "provenance");
  parse_into(record.status, cat(file.path(), ": status"), file.text("/", "status"));
  record.status_text = file.text("/", "status_text");
  record.best_round = file.integer("/", "best_round");
  record.model_round = file.integer("/", "model_round");
  const auto notes = nlohmann::json::parse(file.text("/", "notes"));
  record.notes = notes.get<std::map<std::string, std::string>>();
  record.metrics = read_table(file, "/metrics");
  record.time = read_table(file, "/time");
  record.traffic = read_table(file, "/traffic");
  record.groups = read_table(file, "/groups");
  record.baselines = read_table(file, "/baselines");
  if (file.has("/facts"))
    for (const auto& name : file.children("/facts"))
      record.facts[name] = file.read_all<double>("/facts/" + name).at(0);
  return record;
}

ResultSummary read_summary(const std::string& path) {
  const auto file = h5::File::open(path);
  return reading(path, [&] {
    ResultSummary summary;
    summary.record = read_small_parts(file);
    summary.data_name = file.text("/", "data_name");
    summary.clients = file.integer("/", "clients");
    summary.items = file.integer("/", "items");
    summary.train_interactions = file.integer("/", "train_interactions");
    return summary;
  });
}

LoadedResult read_result(const std::string& path, const Dataset& data, const Comm& comm) {
  comm.on_root([&] {  // the usual mistakes show before the file is opened by all
    const auto summary = read_summary(path);
    if (summary.clients != data.clients || summary.items != data.items)
      throw InputError(cat(path, " does not fit ", data.path),
                       cat("it was trained on ", summary.clients, " clients and ", summary.items,
                           " items, the data set has ", data.clients, " and ", data.items),
                       "use the data set that the model was trained on");
  });
  const auto file = h5::File::open(path, &comm);
  LoadedResult result;
  comm.together([&] { result.record = reading(path, [&] { return read_small_parts(file); }); });
  result.model = reading(path, [&] { return read_model(file, result.record.config, data, comm); });
  if (file.has("/groups/preferences"))
    result.record.preferences = file.read_matrix<float>("/groups/preferences");
  if (file.has("/groups/embeddings"))
    result.record.group_embeddings = file.read_matrix<float>("/groups/embeddings");
  return result;
}

}  // namespace fedfuse
