#include "results/reader.hpp"

#include "core/text.hpp"
#include "results/config_text.hpp"
#include "results/json_text.hpp"
#include "results/model_file.hpp"
#include "results/model_io.hpp"
#include "results/schema.hpp"
#include "results/validity.hpp"

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
    if (!is_column(name)) continue;  // /groups also holds arrays
    const auto values = file.read_all<double>(path, {h5::any});
    if (!table.columns().empty() && values.size() != table.rows())
      h5::Place{file.path(), path}.refuse(cat("it has ", values.size(), " rows, and ",
                                              table.columns().front().name, " beside it ",
                                              table.rows()));
    table.add_column({name,
                      file.text(path, "unit"),
                      file.text(path, "meaning"),
                      {values.begin(), values.end()}});
  }
  return table;
}

// A number of the root between two bounds.
std::int64_t number(const h5::File& file, const char* name, std::int64_t least, std::int64_t most) {
  const auto value = file.integer("/", name);
  if (value < least || value > most)
    h5::Place{file.path(), cat("attribute ", name, " of /")}.refuse(
        cat("it is ", value, ", not from ", least, " to ", most));
  return value;
}

std::map<std::string, std::string> notes_of(const h5::File& file) {
  const auto what = cat("attribute notes of / in ", file.path());
  std::map<std::string, std::string> notes;
  const auto parsed = parse_object(file.text("/", "notes"), what);
  for (const auto& [name, text] : parsed.items()) {
    if (!text.is_string())
      throw InputError(cat("cannot read ", what), cat(name, " is no text"),
                       "make the file again with this fedfuse");
    notes[name] = text.get<std::string>();
  }
  return notes;
}

// What the readers do not foresee is a bad file, not a bug.
template <class Work>
auto reading(const std::string& path, Work&& work) {
  try {
    return work();
  } catch (const InternalError& e) {
    throw InputError(cat("cannot read ", path), e.what(), "the file may be damaged: make it again");
  }
}

}  // namespace

RunRecord read_small_parts(const h5::File& file) {
  check_kind(file);
  RunRecord record;
  record.config = config_from_json(file.text("/", "config"));
  validate(record.config);
  if (file.has_attribute("/", "identity"))  // older files have none
    record.identity = identity_from_json(file.text("/", "identity"),
                                         cat("attribute identity of / in ", file.path()));
  record.provenance = file.text("/", "provenance");
  parse_into(record.status, cat(file.path(), ": status"), file.text("/", "status"));
  record.status_text = file.text("/", "status_text");
  record.notes = notes_of(file);
  record.metrics = read_table(file, "/metrics");
  const auto rounds = std::int64_t(record.metrics.rows());
  record.best_round = number(file, "best_round", 0, rounds);
  record.model_round = number(file, "model_round", 0, rounds);
  record.time = read_table(file, "/time");
  record.traffic = read_table(file, "/traffic");
  record.groups = read_table(file, "/groups");
  record.privacy = read_table(file, "/privacy");
  record.clock = read_table(file, "/clock");
  record.classes = read_table(file, "/classes");
  record.activity = read_table(file, "/activity");
  record.work = read_table(file, "/work");
  record.baselines = read_table(file, "/baselines");
  if (file.has("/facts"))
    for (const auto& name : file.children("/facts"))
      record.facts[name] = file.read_all<double>("/facts/" + name, {1}).front();
  return record;
}

ResultSummary read_summary(const std::string& path) {
  const auto file = h5::File::open(path);
  return reading(path, [&] {
    ResultSummary summary;
    summary.record = read_small_parts(file);
    summary.data_name = file.text("/", "data_name");
    summary.clients = number(file, "clients", 1, INT32_MAX);
    summary.items = number(file, "items", 1, INT32_MAX);
    summary.train_interactions = number(file, "train_interactions", 0, INT64_MAX);
    return summary;
  });
}

std::string why_unfit(const std::string& path, const ResultSummary& summary) {
  const auto& record = summary.record;
  if (is_invalid(record.status)) return record.status_text;
  const auto file = h5::File::open(path);
  return reading(path, [&] {
    try {
      ModelFile(file, record.config, summary.clients, summary.items).check();
    } catch (const NotFinite& e) {
      return e.reason;
    }
    return why_invalid(record);
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
  const auto file = h5::File::open(path, comm);
  LoadedResult result;
  comm.together([&] { result.record = reading(path, [&] { return read_small_parts(file); }); });
  result.model = reading(path, [&] { return read_model(file, result.record.config, data, comm); });
  comm.together([&] {
    const ModelFile stored(file, result.record.config, data.clients, data.items);
    result.record.preferences = stored.preferences();
    result.record.group_embeddings = stored.group_embeddings();
  });
  return result;
}

}  // namespace fedfuse
