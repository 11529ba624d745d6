#include "app/train.hpp"

#include <cmath>
#include <cstdio>
#include <optional>

#include "app/progress.hpp"
#include "app/recorder.hpp"
#include "app/threads.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "evaluation/evaluate.hpp"
#include "results/record.hpp"
#include "server/federation.hpp"

namespace fedfuse {
namespace {

// A model as it stood after a round.
struct Snapshot {
  std::int64_t round = 0;
  GlobalModel global;
  ClientState state;
  Matrix<float> preferences, embeddings;
};

class Training {
 public:
  Training(const Config& config, const std::vector<std::string>& argv, const Comm& comm, double start)
      : config_(config),
        comm_(comm),
        threads_(set_threads(config.threads, comm)),
        data_(read_dataset(config.data, comm)),
        recorder_((validate_against_data(config, data_.clients, data_.items, comm.size()), effective(config, data_)), data_, comm, threads_, start),
        federation_(recorder_.record.config, data_, comm, threads_),
        protocol_(evaluation_protocol(config)) {
    recorder_.record.provenance = provenance_json(argv, threads_, comm);
  }

  void run() {
    recorder_.baselines(evaluate_baselines(data_, protocol_, comm_));
    Progress progress(comm_.root(), config_.rounds);
    auto& record = recorder_.record;
    for (std::int64_t round = 1; round <= config_.rounds; ++round) {
      keep_best(round - 1);
      federation_.timer().clear();
      const auto report = run_round(round);
      const auto evaluation = evaluate_round(round);
      recorder_.round(round, report, federation_, evaluation);
      progress.show(round, report.loss, evaluation ? evaluation->model.valid.all.ndcg[2] : -1.0, report.participants);
      if (evaluation && judge(round, *evaluation)) break;
      if (config_.save_every > 0 && round % config_.save_every == 0 && round < config_.rounds) save();
    }
    if (record.status == "running") record.status = "finished", record.status_text = cat("all ", config_.rounds, " rounds were run");
    save();
  }

  void print_summary() const {
    if (!comm_.root()) return;
    const auto& record = recorder_.record;
    const auto row = std::size_t(std::max<std::int64_t>(record.best_round, 1) - 1);
    const auto at = [&](const char* name) { return record.metrics.at(name, row); };
    std::printf("%s+%s on %s: best round %lld of %zu, validation NDCG@50 %.4f; test HR@50 %.4f, NDCG@50 %.4f (popularity %.4f, %.4f)\n",
                config_.backbone.c_str(), config_.fusion.c_str(), data_.name.c_str(), static_cast<long long>(record.best_round),
                record.metrics.rows(), at("valid_ndcg_50"), at("test_hr_50"), at("test_ndcg_50"), record.baselines.at("test_hr_50", 0),
                record.baselines.at("test_ndcg_50", 0));
    std::printf("%.0f client-rounds/s in training, %.1f s in all; result in %s\n", record.facts.at("client_rounds_per_second"),
                record.facts.at("total_seconds"), config_.out.c_str());
  }

 private:
  // The record shows what was used: defaults that depend on the data are filled in.
  static Config effective(Config config, const Dataset& data) {
    config.lr_items = item_rate(config, data.items);
    return config;
  }

  // Ends the run on all ranks, with what was good kept, when a client or the server diverges.
  RoundReport run_round(std::int64_t round) {
    RoundReport report;
    try {
      report = federation_.run_round(round);
    } catch (const InputError& e) {  // a server step, after the clients: the model of the best round is what is left
      auto& record = recorder_.record;
      record.status = "failed", record.status_text = cat("round ", round, ": ", e.what());
      if (snapshot_) save();
      throw;
    }
    if (report.failed_client >= 0) fail(round, report.failed_client);
    return report;
  }

  std::optional<RoundEvaluation> evaluate_round(std::int64_t round) {
    if (round % config_.eval_every != 0 && round != config_.rounds) return std::nullopt;
    return federation_.timer().time(Phase::evaluation, [&] {
      RoundEvaluation e{evaluate(federation_.spec(), federation_.global(), federation_.state(), data_, protocol_, comm_), std::nullopt};
      if (!federation_.preferences().empty())
        e.teacher = evaluate_rows(federation_.preferences(), federation_.state().group, data_, protocol_, comm_);
      return e;
    });
  }

  // Keeps score of the best round; true when patience has run out.
  bool judge(std::int64_t round, const RoundEvaluation& evaluation) {
    auto& record = recorder_.record;
    const double ndcg = evaluation.model.valid.all.ndcg[2];
    if (record.best_round == 0 || ndcg > best_) {
      best_ = ndcg, record.best_round = round, since_best_ = 0;
      record.facts["best_valid_ndcg_50"] = ndcg;
      return false;
    }
    if (config_.patience == 0 || ++since_best_ < config_.patience) return false;
    record.status = "stopped-early";
    record.status_text = cat("no better validation NDCG@50 in ", config_.patience, " evaluations");
    return true;
  }

  // Copies the model of the best round only when the next round is about to replace it.
  void keep_best(std::int64_t done) {
    if (done > 0 && recorder_.record.best_round == done) snapshot_ = now(done);
  }
  [[nodiscard]] Snapshot now(std::int64_t round) const {
    return {round, federation_.global(), federation_.state(), federation_.preferences(),
            federation_.teacher() != nullptr ? federation_.teacher()->group_embeddings() : Matrix<float>()};
  }

  void save() {
    auto& record = recorder_.record;
    recorder_.finish(federation_);
    const bool current = !snapshot_ || snapshot_->round != record.best_round;
    record.model_round = current ? std::int64_t(record.metrics.rows()) : snapshot_->round;
    record.preferences = current ? federation_.preferences() : snapshot_->preferences;
    record.group_embeddings =
        current ? (federation_.teacher() != nullptr ? federation_.teacher()->group_embeddings() : Matrix<float>()) : snapshot_->embeddings;
    write_result(config_.out, record, federation_.spec(), current ? federation_.global() : snapshot_->global,
                 current ? federation_.state() : snapshot_->state, data_, comm_);
  }

  // A client diverged: the state is that after the round before, which is saved.
  [[noreturn]] void fail(std::int64_t round, std::int64_t client) {
    auto& record = recorder_.record;
    record.status = "failed";
    record.status_text = cat("the loss or an update of client ", client, " was not finite, or 1024 and more, in round ", round);
    std::string kept = "nothing was trained before it, so no result file was written";
    if (round > 1) {
      snapshot_.reset();
      save();
      kept = cat("the model after round ", round - 1, " is kept in ", config_.out);
    }
    throw InputError(cat("training diverged in round ", round, " at client ", client), cat(record.status_text, "; ", kept),
                     "lower --lr or --lr-items (now " + cat(config_.lr, " and ", recorder_.record.config.lr_items, ")"));
  }

  const Config& config_;
  const Comm& comm_;
  int threads_;
  Dataset data_;
  Recorder recorder_;
  Federation federation_;
  EvaluationProtocol protocol_;
  std::optional<Snapshot> snapshot_;
  double best_ = -1;
  std::int64_t since_best_ = 0;
};

}  // namespace

void run_training(const Config& config, const std::vector<std::string>& argv, const Comm& comm) {
  const double start = now_seconds();
  Training training(config, argv, comm, start);
  training.run();
  training.print_summary();
}

}  // namespace fedfuse
