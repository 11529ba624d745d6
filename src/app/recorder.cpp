#include "app/recorder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "core/memory.hpp"
#include "core/text.hpp"
#include "model/head.hpp"
#include "results/curve.hpp"
#include "results/record_state.hpp"
#include "server/grouping/agreement.hpp"

namespace fedfuse {
namespace {

void set_metrics(Table& table, const std::string& prefix, const std::string& suffix,
                 const Metrics& metrics) {
  for (std::size_t c = 0; c < cutoffs.size(); ++c) {
    table.set(cat(prefix, "_hr_", cutoffs[c], suffix), metrics.hr[c]);
    table.set(cat(prefix, "_ndcg_", cutoffs[c], suffix), metrics.ndcg[c]);
  }
}

void set_evaluation(Table& table, const Evaluation& evaluation) {
  for (const auto& [name, split] : {std::pair{std::string("valid"), evaluation.valid},
                                    std::pair{std::string("test"), evaluation.test}}) {
    set_metrics(table, name, "", split.all);
    set_metrics(table, name, "_warm", split.warm);
    set_metrics(table, name, "_cold", split.cold);
    table.set(name + "_clients", double(split.all.clients));
    table.set(name + "_clients_warm", double(split.warm.clients));
    table.set(name + "_clients_cold", double(split.cold.clients));
  }
  table.set("skipped_cold", double(evaluation.skipped_cold));
}

std::string view_names(const ModelSpec& spec, const std::vector<View>& views) {
  if (spec.rows_trained) return "item_table";
  if (spec.fusion.views == ViewsKind::mlp) return text_of(View::mlp);
  std::vector<std::string> names;
  for (const auto view : views) names.push_back(text_of(view));
  return joined(names, " ");
}

double missing_share(const std::vector<std::uint8_t>& has) {
  return has.empty() ? 1.0 : double(std::ranges::count(has, std::uint8_t(0))) / double(has.size());
}

// Over the rows that have a value; NaN where none has.
double mean_of(const Table& table, const char* column) {
  double sum = 0, count = 0;
  if (const auto* c = table.find(column))
    for (const double v : c->values) {
      if (std::isnan(v)) continue;
      sum += v;
      ++count;
    }
  return count > 0 ? sum / count : std::nan("");
}

std::int64_t bytes_of(const ClientState& s) {
  return std::int64_t(4 * (s.theta.size() + s.user.size() + s.router.size() + s.group.size())) +
         s.overlay.bytes();
}

}  // namespace

Recorder::Recorder(const Config& config, const Dataset& data, const Comm& comm, int threads,
                   double start_seconds)
    : data_(data), comm_(comm), start_(start_seconds) {
  record.config = config;
  record.identity = identity_of(config, data, comm);
  auto& facts = record.facts;
  facts["clients"] = double(data.clients);
  facts["items"] = double(data.items);
  facts["train_interactions"] = double(data.train_interactions);
  facts["ranks"] = comm.size();
  facts["threads"] = threads;
  facts["short_clients"] = double(comm.sum(std::int64_t(std::ranges::count(data.test, -1))));
  record.notes["data_name"] = data.name;
  start_privacy();
}

double Recorder::sum_of(const Table& table, const char* column) {
  double sum = 0;
  if (const auto* found = table.find(column))
    for (const double value : found->values) sum += value;
  return sum;
}

void Recorder::baselines(const Baselines& baselines) {
  for (const auto* evaluation : {&baselines.popularity, &baselines.cold_first}) {
    record.baselines.begin_row();
    set_evaluation(record.baselines, *evaluation);
  }
  record.facts["missing_text"] = missing_share(data_.has_text);  // as the run has them
  record.facts["missing_image"] = missing_share(data_.has_image);
  setup_ = comm_.max(now_seconds() - start_);
}

bool Recorder::has_validation() const { return record.baselines.at("valid_clients", 0) > 0; }

void Recorder::round(std::int64_t round, const RoundReport& report, const Federation& federation,
                     const std::optional<RoundEvaluation>& evaluation) {
  const auto moved = comm_.moved();  // before the record's own
  const double in_mpi = moved.seconds - moved_before_.seconds;
  work(federation, moved, evaluation ? evaluation->ranks.flop : 0);
  auto& m = record.metrics;
  m.begin_row();
  m.set("round", double(round));
  m.set("loss", report.loss);
  m.set("loss_recommendation", report.loss_recommendation);
  m.set("participants", double(report.participants));
  m.set("sum_range_log2", double(federation.sum_ranges().largest_log2()));
  if (federation.spec().has_teacher || federation.spec().has_prior()) {
    m.set("loss_distillation", report.loss_distillation);
    m.set("distill_lambda", report.lambda);
    m.set("teacher_loss", report.teacher_loss);
  }
  if (federation.spec().has_teacher) groups(round, report, federation);
  if (evaluation) evaluated(*evaluation);
  const auto& t = report.traffic;
  const double n = double(report.participants);
  auto& traffic = record.traffic;
  traffic.begin_row();
  for (const auto& [name, bytes] : {std::pair{"dense_down", t.dense_down},
                                    {"dense_up", t.dense_up},
                                    {"sparse_down", t.sparse_down},
                                    {"sparse_up", t.sparse_up},
                                    {"raw_multimodal_down", t.raw_multimodal_down}}) {
    traffic.set(name, bytes);
    traffic.set(cat(name, "_total"), bytes * n);
  }
  traffic.set("parameters_on_client", t.parameters_on_client);
  traffic.set("moved_sum", double(comm_.sum(moved.summed() - moved_before_.summed())));
  traffic.set("moved_gather", double(comm_.sum(moved.gathered() - moved_before_.gathered())));
  if (federation.spec().bounds_uploads || report.probe || report.secure) privacy(round, report);
  if (report.selection) clock(*report.selection, federation);
  time(round, report, federation, in_mpi);
  if (report.secure) secure(*report.secure);
  upload_bytes_ = std::max(upload_bytes_, report.upload_bytes);
}

void Recorder::evaluated(const RoundEvaluation& evaluation) {
  auto& m = record.metrics;
  set_evaluation(m, evaluation.model);
  if (evaluation.exposure)
    for (std::size_t c = 0; c < cutoffs.size(); ++c)
      m.set(cat("er_", cutoffs[c]), (*evaluation.exposure)[c]);
  if (!evaluation.teacher) return;
  set_metrics(m, "teacher_valid", "", evaluation.teacher->valid.all);
  set_metrics(m, "teacher_test", "", evaluation.teacher->test.all);
}

void Recorder::groups(std::int64_t /*round*/, const RoundReport& report,
                      const Federation& federation) {
  const auto& group = federation.groups();
  const bool labelled =
      comm_.max(double(std::ranges::any_of(data_.label, [](auto l) { return l >= 0; }))) > 0;
  auto& g = record.groups;
  g.begin_row();
  if (report.grouping) {
    const auto& sizes = report.grouping->sizes;
    g.set("groups", double(std::ranges::count_if(sizes, [](auto size) { return size > 0; })));
    g.set("largest", double(std::ranges::max(sizes)));
    g.set("smallest", double(std::ranges::min(sizes)));
    g.set("moved", double(report.grouping->moved));
    g.set("components", double(report.grouping->components));
    record.notes["grouping_method"] = report.grouping->method;
  }
  if (labelled) g.set("agreement", adjusted_rand_index(group, data_.label, comm_));
  record.group_by_round.push_back(group);
}

// One gather of all phases of all ranks: a round may take milliseconds.
void Recorder::time(std::int64_t round, const RoundReport& report, const Federation& federation,
                    double in_mpi) {
  const auto& timer = federation.timer();
  constexpr std::size_t total = phase_count, communication = phase_count + 1;
  std::array<double, phase_count + 2> mine{};
  for (std::size_t p = 0; p < phase_count; ++p) mine[p] = timer.seconds(Phase(p));
  mine[total] = timer.total();
  mine[communication] = in_mpi;
  const auto all = comm_.all_gather(std::span<const double>(mine));
  const auto ranks = std::size_t(comm_.size());
  const auto over_ranks = [&](std::size_t p) {
    std::array<double, 3> r{all[p], 0, all[p]};
    for (std::size_t k = 0; k < ranks; ++k) {
      const double s = all[k * mine.size() + p];
      r = {std::min(r[0], s), r[1] + s / double(ranks), std::max(r[2], s)};
    }
    return r;
  };
  auto& t = record.time;
  t.begin_row();
  t.set("round", double(round));
  const auto set = [&](const std::string& name, std::size_t p) {
    const auto [least, mean, most] = over_ranks(p);
    t.set(name + "_min", least);
    t.set(name + "_mean", mean);
    t.set(name + "_max", most);
  };
  for (std::size_t p = 0; p < phase_count; ++p) set(phase_names[p], p);
  set("communication", communication);
  const auto [least, mean, most] = over_ranks(std::size_t(Phase::training));
  t.set("round_s", over_ranks(total)[2]);
  t.set("imbalance", mean > 0 ? most / mean : 1.0);
  t.set("client_rounds_per_second", most > 0 ? double(report.participants) / most : 0.0);
  training_seconds_ += most;
  client_rounds_ += report.participants;
}

void Recorder::visit(StateVisitor& visitor) {
  fedfuse::visit(visitor, "run/record", record, data_);
  double seconds = before_ + comm_.max(now_seconds() - start_), setup = setup_;
  upload_bytes_ = comm_.max(upload_bytes_);
  visitor.number("run/seconds", seconds);
  visitor.number("run/setup_seconds", setup);
  visitor.number("run/training_seconds", training_seconds_);
  visitor.number("run/client_rounds", client_rounds_);
  visitor.number("run/upload_bytes", upload_bytes_);
  if (visitor.loads()) {
    before_ = seconds;
    setup_ += setup;
  }
}

// What the operators of the views cost where they run, on the server, and where they would cost
// more: on clients that encode the items of every sample.
void Recorder::encoders(const Federation& federation) {
  const auto* views = federation.views();
  if (views == nullptr) return;
  const auto& o = record.config.federation;
  const double positives = double(data_.train_interactions) / double(data_.clients),
               samples = double(o.local_epochs) * positives * double(1 + o.negatives_per_positive);
  record.facts["encoder_flops_server"] = views->flops();
  record.facts["encoder_flops_client"] = samples * views->flops() / double(data_.items);
  record.facts["encoder_parameters"] = double(views->operator_parameters());
}

void Recorder::device(const EngineFacts& engine) {
  record.notes["device"] = text_of(engine.device);
  if (engine.device == DeviceKind::cpu) return;
  auto& facts = record.facts;
  facts["ranks_on_device"] = double(comm_.max(engine.ranks_on_device));
  facts["device_needed_bytes"] = double(comm_.max(std::int64_t(engine.needed_bytes)));
  facts["device_high_water_bytes"] = double(comm_.max(std::int64_t(engine.high_water_bytes)));
}

void Recorder::finish(const Federation& federation) {
  const auto& spec = federation.spec();
  auto& facts = record.facts;
  facts["setup_seconds"] = setup_;
  set_curve_facts(record);
  finish_privacy();
  facts["rounds_done"] = double(record.metrics.rows());
  facts["training_seconds"] = training_seconds_;
  facts["total_seconds"] = before_ + comm_.max(now_seconds() - start_);
  facts["client_rounds_per_second"] =
      training_seconds_ > 0 ? double(client_rounds_) / training_seconds_ : std::nan("");
  facts["bytes_down_per_client"] = mean_of(record.traffic, "dense_down");
  facts["bytes_up_per_client"] = mean_of(record.traffic, "dense_up");
  facts["sparse_bytes_down_per_client"] = mean_of(record.traffic, "sparse_down");
  facts["sparse_bytes_up_per_client"] = mean_of(record.traffic, "sparse_up");
  facts["parameters_on_client"] = mean_of(record.traffic, "parameters_on_client");
  facts["upload_bytes"] = double(comm_.max(upload_bytes_));
  facts["sum_range_log2"] = double(federation.sum_ranges().largest_log2());
  facts["client_state_bytes"] = double(comm_.sum(bytes_of(federation.state())));
  encoders(federation);
  const double peak = double(peak_memory_bytes());
  facts["peak_memory_bytes_min"] = comm_.min(peak);
  facts["peak_memory_bytes_mean"] = comm_.mean(peak);
  facts["peak_memory_bytes_max"] = comm_.max(peak);
  auto& notes = record.notes;
  notes["head_used"] = cat(spec.head.kind, spec.shares_head ? ", shared" : ", stays on the client");
  notes["view_names"] = view_names(spec, record.config.fedvlr.views);
  finish_work(federation);
  device(federation.engine().facts());
  if (federation.participation() != nullptr) finish_clock(*federation.participation());
  if (federation.secure_sum() != nullptr) finish_secure(*federation.secure_sum());
  notes["uploads_used"] = !spec.has_second_pass()                ? "none"
                          : federation.engine().stores_uploads() ? "store"
                                                                 : "replay";
}

}  // namespace fedfuse
