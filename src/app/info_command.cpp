#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "app/commands.hpp"
#include "app/print.hpp"
#include "app/standard_output.hpp"
#include "core/error.hpp"
#include "core/h5.hpp"
#include "core/text.hpp"
#include "data/data_hash.hpp"
#include "data/id_text.hpp"
#include "data/read_dataset.hpp"
#include "data/write_dataset.hpp"
#include "results/checkpoint.hpp"
#include "results/curve.hpp"
#include "results/json_text.hpp"
#include "results/reader.hpp"
#include "results/validity.hpp"

namespace fedfuse {
namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
using Json = nlohmann::ordered_json;

std::string feature_words(const h5::File& file, const std::string& name, std::int64_t items) {
  if (!file.has("/items/" + name)) return "none";
  const auto shape = file.shape("/items/" + name);
  if (shape.size() != 2 || shape[0] != items)
    h5::Place{file.path(), "/items/" + name}.refuse(
        cat("it must have ", items, " rows, in two dimensions"));
  const auto flags = file.read_all<std::uint8_t>("/items/has_" + name, {items});
  const auto present = items - std::ranges::count(flags, 0);
  return cat(shape[1], " wide, ", fixed(100.0 * double(items - present) / double(items), 1),
             " % of the items lack it");
}

// The first ones, as the source has them; "" where the data set was generated.
std::string id_words(const h5::File& file, const std::string& name) {
  if (!file.has(name)) return "";
  constexpr std::size_t shown = 3;
  const auto ids = file.read_strings(name);
  std::vector<std::string> words;
  for (std::size_t k = 0; k < std::min(shown, ids.size()); ++k) words.push_back(printable(ids[k]));
  return cat(joined(words, ", "), ids.size() > shown ? ", ..." : "");
}

std::string dataset_words(const h5::File& file) {
  const auto clients = file.integer("/", "clients"), items = file.integer("/", "items"),
             n = file.integer("/", "train_interactions");
  if (clients < 1 || items < 1 || n < 1)
    h5::Place{file.path(), "the counts of clients, items and interactions"}.refuse(
        cat("they are ", clients, ", ", items, " and ", n));
  std::ostringstream out;
  out << file.path() << ": data set \"" << file.text("/", "name") << "\", made by "
      << file.text("/", "created_by") << "\n";
  out << "  clients             " << grouped(clients) << "\n";
  out << "  items               " << grouped(items) << "\n";
  for (const auto& [label, name] : {std::pair("  ids of clients      ", "/clients/id"),
                                    std::pair("  ids of items        ", "/items/id")})
    if (const auto ids = id_words(file, name); !ids.empty()) out << label << ids << "\n";
  out << "  training            " << grouped(n) << " interactions, "
      << fixed(double(n) / double(clients), 1) << " a client, "
      << fixed(100.0 * double(n) / (double(clients) * double(items)), 3) << " % of all pairs\n";
  if (file.has_attribute("/", "evaluated_valid"))
    out << "  held out            " << grouped(file.integer("/", "evaluated_valid"))
        << " validation items, " << grouped(file.integer("/", "evaluated_test")) << " test items\n";
  out << "  text features       " << feature_words(file, "text", items) << "\n";
  out << "  image features      " << feature_words(file, "image", items) << "\n";
  out << "  client labels       " << (file.has("/clients/label") ? "yes" : "none") << "\n";
  const auto comm = Comm::without_mpi();
  const Identity own{
      .data = data_hash(read_dataset(file.path(), comm), comm), .config = "", .program = ""};
  out << identity_words(own);
  return out.str();
}

double cell(const Table& table, const char* name, std::int64_t row) {
  return row >= 0 && row < std::int64_t(table.rows()) ? table.at(name, std::size_t(row)) : missing;
}

void quality_line(std::ostringstream& out, const char* label, const Table& table,
                  std::int64_t row) {
  out << label;
  for (const char* name :
       {"test_hr_10", "test_hr_20", "test_hr_50", "test_ndcg_10", "test_ndcg_20", "test_ndcg_50"})
    out << "  " << fixed(100 * cell(table, name, row), 2);
  out << "\n";
}

// Empty where it was too long for its attribute and is cut.
Json provenance_of(const RunRecord& record) {
  try {
    return parse_object(record.provenance, "provenance");
  } catch (const InputError&) {
    return Json::object();
  }
}

std::string provenance_words(const Json& p) {
  const auto text = [&](const char* key) {
    return p.contains(key) ? (p[key].is_string() ? p[key].get<std::string>() : p[key].dump())
                           : std::string("?");
  };
  const bool modified =
      p.contains("git_dirty") && p["git_dirty"].is_boolean() && p["git_dirty"].get<bool>();
  return cat("  made                ", text("started_utc"), " by commit ", text("git_sha"),
             modified ? " (modified)" : "", ", ", text("compiler"), ", ", text("mpi"), "\n",
             "  on                  ", text("ranks"), " ranks x ", text("threads"),
             " threads, hosts ", text("hosts"), "\n");
}

// Of a line, as wide as the others.
std::string label(const std::string& name) {
  constexpr std::size_t width = 20;
  return cat("  ", name, std::string(name.size() < width ? width - name.size() : 1, ' '));
}

// Simulated devices: the time, and the clients of each kind at the quoted round.
void clock_lines(std::ostringstream& out, const RunRecord& r,
                 const std::function<double(const char*)>& fact) {
  out << "  simulated time      " << as_seconds(fact("simulated_seconds")) << " in all, "
      << as_seconds(fact("simulated_seconds_to_best")) << " to the best round; "
      << fixed(100 * fact("wasted_share"), 1) << " % of the clients' time wasted\n";
  for (std::size_t row = 0; row < r.classes.rows(); ++row) {
    const auto at = [&](const char* name) { return r.classes.at(name, row); };
    out << "    device " << row + 1 << "          " << fixed(at("class_clients"), 0) << " clients, "
        << fixed(at("class_deliveries"), 2) << " deliveries each, test HR@50 "
        << fixed(100 * at("class_test_hr_50"), 2) << ", NDCG@50 "
        << fixed(100 * at("class_test_ndcg_50"), 2) << "\n";
  }
}

// At the quoted round.
void activity_lines(std::ostringstream& out, const RunRecord& r) {
  for (std::size_t row = 0; row < r.activity.rows(); ++row) {
    const auto at = [&](const char* name) { return r.activity.at(name, row); };
    const auto most = at("activity_most");
    const auto range = cat(fixed(at("activity_least"), 0),
                           std::isnan(most) ? std::string(" and more") : cat("-", fixed(most, 0)));
    out << label(range) << "training interactions: " << fixed(at("activity_clients"), 0)
        << " clients, test HR@50 " << fixed(100 * at("activity_test_hr_50"), 2) << ", NDCG@50 "
        << fixed(100 * at("activity_test_ndcg_50"), 2) << "\n";
  }
}

// Of the ranks: the least and the most.
std::string span_of(const Table& work, const char* name, double unit, const char* unit_name) {
  double least = missing, most = missing;
  for (std::size_t row = 0; row < work.rows(); ++row) {
    least = std::fmin(least, work.at(name, row));
    most = std::fmax(most, work.at(name, row));
  }
  if (std::isnan(most)) return "-";
  const auto to = cat(fixed(most / unit, 3), " ", unit_name);
  return least == most ? to : cat(fixed(least / unit, 3), " to ", to);
}

// What each rank did in the rounds since the program was last started.
void work_lines(std::ostringstream& out, const Table& work) {
  if (work.rows() == 0) return;
  constexpr double giga = 1e9, mega = 1e6;
  const auto flop = [&](const char* name) { return span_of(work, name, giga, "GFLOP"); };
  const auto bytes = [&](const char* name) { return span_of(work, name, mega, "MB"); };
  out << label("work of a rank") << "training " << flop("work_training_flop") << ", teacher "
      << flop("work_teacher_flop") << ", views " << flop("work_views_flop") << ", evaluation "
      << flop("work_evaluation_flop") << "\n"
      << label("") << "sends " << bytes("work_sent_bytes") << ", holds "
      << bytes("work_array_bytes") << " in arrays, in " << fixed(work.at("work_rounds", 0), 0)
      << " rounds\n";
}

std::string result_words(const std::string& path) {
  const auto s = read_summary(path);
  const auto& r = s.record;
  const auto unfit = why_unfit(path, s);
  const bool invalid = is_invalid(r.status) || !unfit.empty();
  const auto& reason = unfit.empty() ? r.status_text : unfit;
  std::int64_t best = -1;
  for (std::size_t row = 0; row < r.metrics.rows(); ++row)
    if (r.metrics.at("round", row) == double(r.best_round)) best = std::int64_t(row);
  std::ostringstream out;
  out << path << ": result, " << (invalid ? "INVALID: " : "") << r.status
      << (reason.empty() ? "" : " (" + reason + ")") << "\n";
  out << "  data set            \"" << s.data_name << "\", " << grouped(s.clients) << " clients, "
      << grouped(s.items) << " items, " << grouped(s.train_interactions)
      << " training interactions\n";
  out << "  model               " << r.config.model.backbone << " + " << r.config.model.fusion
      << ", d = " << r.config.model.dim << ", seed " << r.config.federation.seed << ", negatives "
      << r.config.federation.negatives << "\n";
  out << "  rounds              " << r.metrics.rows() << " of at most "
      << r.config.federation.rounds
      << "; best by validation NDCG@50: " << (r.best_round > 0 ? std::to_string(r.best_round) : "-")
      << "; model stored: after round " << r.model_round << "\n";
  if (still_rose(r))
    out << "  end of the curve    validation NDCG@50 still rose: try more --rounds\n";
  out << "  test, percent       HR@10  HR@20  HR@50  NDCG@10  NDCG@20  NDCG@50\n";
  quality_line(out, "    best round      ", r.metrics, best);
  quality_line(out, "    last round      ", r.metrics, std::int64_t(r.metrics.rows()) - 1);
  quality_line(out, "    popularity      ", r.baselines, 0);
  quality_line(out, "    cold-first      ", r.baselines, 1);
  activity_lines(out, r);
  work_lines(out, r.work);
  const auto fact = [&](const char* name) {
    const auto at = r.facts.find(name);
    return at != r.facts.end() ? at->second : missing;
  };
  out << "  time                " << as_seconds(fact("total_seconds")) << " in all, "
      << as_seconds(fact("training_seconds")) << " of local training, "
      << fixed(fact("client_rounds_per_second"), 0) << " client-rounds/s\n";
  out << "  peak memory         " << as_bytes(fact("peak_memory_bytes_max"))
      << " on the largest rank\n";
  out << "  traffic             " << as_bytes(fact("bytes_down_per_client")) << " down and "
      << as_bytes(fact("bytes_up_per_client")) << " up a client and round\n";
  if (r.facts.contains("epsilon"))
    out << "  epsilon             " << fixed(fact("epsilon"), 3) << " at delta " << fact("delta")
        << " (see epsilon_covers and epsilon_excludes)\n";
  if (r.facts.contains("simulated_seconds")) clock_lines(out, r, fact);
  for (const auto& [name, text] : r.notes) out << label(name) << text << "\n";
  out << identity_words(r.identity);
  out << provenance_words(provenance_of(r));
  return out.str();
}

std::string checkpoint_words(const std::string& path) {
  const auto h = read_checkpoint_header(path);
  return cat(path, ": checkpoint after round ", h.round, " of ", h.config.federation.rounds,
             "\n  data set            \"", h.data_name, "\", ", grouped(h.clients), " clients, ",
             grouped(h.items), " items\n  model               ", h.config.model.backbone, " + ",
             h.config.model.fusion, ", d = ", h.config.model.dim, ", seed ",
             h.config.federation.seed, "\n  written by          ", h.version, "\n",
             "  target              ", h.target.empty() ? "not recorded" : h.target, "\n",
             identity_words(h.identity));
}

std::string words(const std::string& path) {
  std::string format;
  {
    const auto file = h5::File::open(path);
    if (file.has_attribute("/", "format")) format = file.text("/", "format");
    if (format == dataset_format) {
      if (const auto version = file.integer("/", "schema_version"); version != dataset_schema)
        throw InputError(cat(path, " has schema version ", version),
                         cat("this fedfuse reads version ", dataset_schema),
                         "make the data set again");
      return dataset_words(file);
    }
  }
  if (format == "fedfuse-result") return result_words(path);
  if (format == checkpoint_format) return checkpoint_words(path);
  throw InputError(
      cat(path, " is not a file of fedfuse"),
      format.empty() ? "it has no attribute `format`" : cat("its format is ", format),
      "name a data set of `fedfuse generate` or `fedfuse import`, or a result of `fedfuse train`");
}

}  // namespace

void print_info(const std::vector<std::string>& files, const Comm& comm) {
  comm.on_root([&] {
    for (const auto& file : files) print(words(file));
  });
}

}  // namespace fedfuse
