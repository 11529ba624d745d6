#include "app/training.hpp"

#include <cstdio>

#include "app/progress.hpp"
#include "app/stop_signal.hpp"
#include "app/threads.hpp"
#include "clients/attackers.hpp"
#include "clients/features.hpp"
#include "core/error.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "data/alter_features.hpp"
#include "data/read_dataset.hpp"
#include "evaluation/evaluate.hpp"
#include "evaluation/evaluate_prior.hpp"
#include "evaluation/score_rows.hpp"
#include "privacy/plan.hpp"
#include "results/agreement.hpp"
#include "results/provenance.hpp"
#include "results/validity.hpp"
#include "results/writer.hpp"
#include "server/device/choose.hpp"
#include "server/host_plan.hpp"

namespace fedfuse {
namespace {

// InputError where the data do not allow config. The record shows what was used: defaults that
// depend on the data are filled in.
Config effective(Config config, const Dataset& data, int threads, const Comm& comm) {
  validate_against_data(config, data.clients, data.items, comm.size());
  config = with_privacy(with_rates(config, data.items), data.clients);
  if (config.attack.kind != Attack::none) (void)attacked_item(config, data);
  config.device.kind = resolve_device(config, comm);
  check_host_memory(config, data, threads, comm);
  return config;
}

constexpr const char* no_validation =
    "no client has a validation item that is ranked, so the model is that of the last round";

Matrix<float> embeddings_of(const ServerTeacher* teacher) {
  return teacher != nullptr ? teacher->group_embeddings() : Matrix<float>();
}

}  // namespace

Training::Training(const Config& config, const std::vector<std::string>& argv, const Comm& comm,
                   double start, RunOutputs& outputs, bool quiet)
    : config_(config),
      quiet_(quiet),
      comm_(comm),
      outputs_(outputs),
      threads_(set_threads(config.execution.threads, comm)),
      data_(read_dataset(config.files.data, comm)),
      recorder_(effective(config, data_, threads_, comm), data_, comm, threads_, start),
      // behind the recorder, whose identity is that of the file
      federation_(recorder_.record.config, alter_features(data_, recorder_.record.config), comm,
                  threads_),
      protocol_(evaluation_protocol(config.evaluation, config.federation.seed)),
      checkpoints_(recorder_.record.config, recorder_.record.identity, data_, comm),
      budget_(config.restart.time_budget.seconds, start) {
  const auto& attack = config.attack;
  if (attack.kind == Attack::boost_item || attack.item >= 0) exposure_.emplace(config, data_);
  recorder_.record.provenance = provenance_json(argv, threads_, comm, federation_.engine().facts());
}

Ending Training::run() {
  const bool chosen = config_.features.modalities != Modalities::both;
  if (comm_.root() && !chosen)
    std::fputs(features_warning(federation_.spec(), data_).c_str(), stderr);
  try {
    return all_rounds();
  } catch (const InputError&) {
    // thrown by all ranks: a checkpoint that is on its way to the disk shall arrive
    checkpoints_.settle();
    throw;
  }
}

Ending Training::all_rounds() {
  recorder_.baselines(evaluate_baselines(data_, protocol_, comm_));
  auto& record = recorder_.record;
  need_something_to_watch();
  const auto done = config_.restart.resume ? resume() : 0;
  Progress progress(comm_.root() && !quiet_, done, config_.federation.rounds);
  for (std::int64_t round = done + 1;
       round <= config_.federation.rounds && record.status == RunStatus::running; ++round) {
    checkpoints_.settle_if_done();
    if (const auto why = asked_to_stop(); !why.empty()) return interrupt(round - 1, why);
    const double begin = now_seconds();
    bool last = round == config_.federation.rounds;
    try {
      last = one_round(round) || last;
    } catch (const Stopped&) {  // the round never happened
      return interrupt(round - 1, asked_to_stop());
    }
    progress.show(round, record.metrics.at("loss", std::size_t(round - 1)),
                  record.metrics.at("valid_ndcg_50", std::size_t(round - 1)),
                  std::int64_t(record.metrics.at("participants", std::size_t(round - 1))));
    budget_.round_took(now_seconds() - begin);
    if (last) break;
    write_between_rounds(round);
  }
  checkpoints_.settle();
  if (record.status == RunStatus::running) {
    record.status = RunStatus::finished;
    record.status_text = cat("all ", config_.federation.rounds, " rounds were run",
                             recorder_.has_validation() ? "" : cat("; ", no_validation));
  }
  save();
  if (!is_invalid(record.status)) return Ending::complete;
  if (comm_.root())
    std::fprintf(stderr, "fedfuse: the result in %s is INVALID: %s\n", config_.files.out.c_str(),
                 record.status_text.c_str());
  return Ending::invalid;
}

std::int64_t Training::resume() {
  auto& record = recorder_.record;
  const auto own = record.provenance;
  const auto round = checkpoints_.resume([&](StateVisitor& visitor) { visit(visitor); });
  if (round == 0) return 0;
  record.identity = checkpoints_.identity();
  record.provenance = resumed_provenance(record.provenance, own, round);
  if (record.best_round > 0) record.facts["best_valid_ndcg_50"] = best_;
  make_up(round);
  return round;
}

// The evaluation that the run before this one owes.
void Training::make_up(std::int64_t round) {
  if (owed_ != round) return;
  owed_ = 0;
  if (const auto evaluation = evaluate_round(round, {})) {
    recorder_.evaluated(*evaluation);
    (void)judge(round, *evaluation);
    quote(round, *evaluation);
  }
}

// True when patience has run out.
bool Training::one_round(std::int64_t round) {
  keep_best(round - 1);
  recorder_.begin_round(federation_);
  federation_.timer().clear();
  const auto report = train_round(round);
  checkpoints_.settle_if_done();
  std::optional<RoundEvaluation> evaluation;
  try {
    // the last round's comes to its end, and the run with it
    evaluation =
        evaluate_round(round, round < config_.federation.rounds ? Stop(ends_a_round) : Stop());
  } catch (const Stopped&) {
    owed_ = round;
  }
  recorder_.round(round, report, federation_, evaluation);
  if (!evaluation) return false;
  const bool last = judge(round, *evaluation);
  quote(round, *evaluation);
  return last;
}

// Of the best round; without one, of the last.
void Training::quote(std::int64_t round, const RoundEvaluation& evaluation) {
  const auto best = recorder_.record.best_round;
  if (best != 0 && best != round) return;
  recorder_.quoted(evaluation);
  if (const auto* who = federation_.participation()) recorder_.quoted(evaluation, *who);
}

std::optional<RoundEvaluation> Training::evaluate_round(std::int64_t round, const Stop& stop) {
  if (round % config_.evaluation.every != 0 && round != config_.federation.rounds)
    return std::nullopt;
  return federation_.timer().time(Phase::evaluation, [&] {
    auto ranks = evaluate_ranks(federation_.spec(), federation_.global(), federation_.state(),
                                data_, protocol_, comm_, federation_.engine().device(), {}, stop);
    RoundEvaluation e{
        .model = metrics(ranks, data_, comm_), .teacher = {}, .exposure = {}, .ranks = {}};
    e.ranks = std::move(ranks);
    if (exposure_)
      e.exposure = exposure_->rates(federation_.spec(), federation_.global(), federation_.state(),
                                    protocol_, comm_);
    if (!federation_.preferences().empty())
      e.teacher =
          evaluate_rows(federation_.preferences(), federation_.groups(), data_, protocol_, comm_);
    if (!federation_.global().prior.empty())
      e.teacher = evaluate_prior(federation_.global(), federation_.state(), data_, protocol_, comm_,
                                 {}, stop);
    return e;
  });
}

// Copies the model of the best round only when the next round is about to replace it, into the
// memory of the last copy.
void Training::keep_best(std::int64_t done) {
  if (done > 0 && recorder_.record.best_round == done) take_snapshot(done);
}
void Training::take_snapshot(std::int64_t round) {
  auto& kept = snapshot_ ? *snapshot_ : snapshot_.emplace();
  kept.round = round;
  kept.global = federation_.global();
  kept.state = federation_.state();
  kept.preferences = federation_.preferences();
  kept.embeddings = embeddings_of(federation_.teacher());
}

// All that the rounds to come depend on, and the record of those that are done.
void Training::visit(StateVisitor& visitor) {
  federation_.visit(visitor);
  recorder_.visit(visitor);
  visitor.number("run/best", best_);
  visitor.number("run/owed_evaluation", owed_);
  const auto best = recorder_.record.best_round;
  // 0: the best round is the last one, whose model stands above
  std::int64_t kept = snapshot_ && snapshot_->round == best ? best : 0;
  visitor.number("run/kept_round", kept);
  if (kept == 0) return;
  if (visitor.loads()) take_snapshot(kept);  // for the shapes
  fedfuse::visit(visitor, "best/global", snapshot_->global);
  fedfuse::visit(visitor, "best/clients", federation_.spec(), snapshot_->state);
  visitor.matrix("best/preferences", snapshot_->preferences);
  visitor.matrix("best/embeddings", snapshot_->embeddings);
}

void Training::write_between_rounds(std::int64_t round) {
  if (config_.files.save_every > 0 && round % config_.files.save_every == 0) save();
  if (config_.restart.checkpoint_every > 0 && round % config_.restart.checkpoint_every == 0)
    save_checkpoint(round, false);
}

// needed: nothing else would be left of the run; otherwise it goes on without.
void Training::save_checkpoint(std::int64_t round, bool needed) {
  const auto all = [&](StateVisitor& visitor) { visit(visitor); };
  if (needed)
    checkpoints_.save(round, all);
  else if (!checkpoints_.try_save(round, all))
    return;
  budget_.save_took(checkpoints_.last_seconds());
}

void Training::save() {
  auto& record = recorder_.record;
  recorder_.finish(federation_);
  record.facts["ranks_that_differ"] =
      double(ranks_that_differ([&](StateVisitor& v) { federation_.visit(v); }, comm_));
  record.facts["checkpoints"] = double(checkpoints_.written());
  record.facts["checkpoint_seconds"] = checkpoints_.seconds();
  record.facts["checkpoint_bytes"] = double(checkpoints_.bytes());
  const bool current = !snapshot_ || snapshot_->round != record.best_round;
  record.model_round = current ? std::int64_t(record.metrics.rows()) : snapshot_->round;
  record.preferences = current ? federation_.preferences() : snapshot_->preferences;
  record.group_embeddings = current ? embeddings_of(federation_.teacher()) : snapshot_->embeddings;
  if (const auto why = why_invalid(record); !why.empty()) {
    record.status = RunStatus::invalid;
    record.status_text = why;
  }
  federation_.release_room();  // the output has a copy of what it writes
  write_result(config_.files.out, record, federation_.spec(),
               current ? federation_.global() : snapshot_->global,
               current ? federation_.state() : snapshot_->state, data_, comm_, outputs_.existing());
  if (comm_.root()) outputs_.wrote();
}

}  // namespace fedfuse
