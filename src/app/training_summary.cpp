// The last lines of a run, for people.
#include <algorithm>
#include <cstdio>

#include "app/training.hpp"
#include "results/record.hpp"

namespace fedfuse {

void Training::print_summary() const {
  if (!comm_.root()) return;
  const auto& record = recorder_.record;
  const auto row = std::size_t(std::max<std::int64_t>(record.best_round, 1) - 1);
  const auto at = [&](const char* name) { return record.metrics.at(name, row); };
  std::printf(
      "%s+%s on %s: best round %lld of %zu, validation NDCG@50 %.4f; test HR@50 %.4f, NDCG@50 %.4f "
      "(popularity %.4f, %.4f)\n",
      config_.model.backbone.c_str(), config_.model.fusion.c_str(), data_.name.c_str(),
      static_cast<long long>(record.best_round), record.metrics.rows(), at("valid_ndcg_50"),
      at("test_hr_50"), at("test_ndcg_50"), record.baselines.at("test_hr_50", 0),
      record.baselines.at("test_ndcg_50", 0));
  std::printf("%.0f client-rounds/s in training, %.1f s in all; result in %s\n",
              record.facts.at("client_rounds_per_second"), record.facts.at("total_seconds"),
              config_.files.out.c_str());
}

}  // namespace fedfuse
