#include "tests/results/synthetic.hpp"

#include <cstdlib>
#include <filesystem>

#include "core/error.hpp"
#include "results/provenance.hpp"

namespace fedfuse::test {
namespace {

Matrix<float> client_matrix(const Dataset& data, std::int64_t cols, int array) {
  Matrix<float> m(data.local_clients(), cols);
  for (std::int64_t k = 0; k < m.rows; ++k)
    for (std::int64_t j = 0; j < cols; ++j)
      m(k, j) = value(data.client_ids[std::size_t(k)], j, array);
  return m;
}

OverlayStore overlay(const Dataset& data, int width) {
  OverlayStore store(data.local_clients(), width);
  for (std::int64_t k = 0; k < data.local_clients(); ++k) {
    const auto u = data.client_ids[std::size_t(k)];
    std::vector<std::int32_t> ids;
    std::vector<float> rows;
    for (std::int64_t r = 0; r < overlay_rows_of(u); ++r) {
      ids.push_back(std::int32_t(2 * r + u % 2));
      for (int j = 0; j < width; ++j) rows.push_back(value(u, r * width + j, 7));
    }
    store.replace(k, ids, rows.data());
  }
  return store;
}

}  // namespace

TemporaryFolder::TemporaryFolder(const Comm& comm) : comm_(comm) {
  comm.on_root([&] {
    path_ = (std::filesystem::temp_directory_path() / "fedfuse_results_XXXXXX").string();
    FEDFUSE_CHECK(mkdtemp(path_.data()) != nullptr, "no temporary folder can be made");
  });
  comm.broadcast(path_);
}
TemporaryFolder::~TemporaryFolder() {
  comm_.barrier();
  std::error_code error;
  if (comm_.root()) std::filesystem::remove_all(path_, error);
}
std::vector<std::string> TemporaryFolder::entries() const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_))
    names.push_back(entry.path().filename().string());
  return names;
}

Dataset synthetic_data(const Comm& comm, Deal deal) {
  Dataset data;
  data.name = "synthetic";
  data.path = "synthetic.h5";
  data.clients = clients;
  data.items = items;
  data.train_interactions = 3 * clients;
  const BlockSplit blocks{clients, comm.size()};
  for (std::int32_t u = 0; u < clients; ++u) {
    const int rank =
        deal == Deal::round_robin ? u % comm.size() : comm.size() - 1 - blocks.owner(u);
    if (rank == comm.rank()) data.client_ids.push_back(u);
  }
  return data;
}

float value(std::int64_t client, std::int64_t column, int array) {
  return float(client) + 0.001f * float(column) + 1000.0f * float(array);
}
std::int32_t group_of(std::int64_t client, std::int64_t round) {
  return std::int32_t((client + round) % 6) - 1;
}
std::int64_t overlay_rows_of(std::int64_t client) { return client % 5; }  // some have none

Run synthetic_run(const std::string& backbone, const std::string& fusion, double personal_init_std,
                  const Dataset& data, const Comm& comm) {
  Run run;
  auto& record = run.record;
  record.config.model.backbone = backbone;
  record.config.model.fusion = fusion;
  record.config.model.dim = 8;
  record.config.model.personal_init_std = personal_init_std;
  record.config.federation.seed = 11;
  record.status = RunStatus::finished;
  record.best_round = 3;
  record.model_round = 4;
  record.provenance = provenance_json({"fedfuse", "train"}, 2, comm);
  record.facts = {{"training_seconds", 1.5}, {"client_rounds_per_second", 100.0}};
  record.notes = {{"grouping_method", "spectral on 37 participants"}};
  for (std::int64_t r = 1; r <= rounds; ++r) {
    for (auto* table : {&record.metrics, &record.time, &record.traffic, &record.groups})
      table->begin_row();
    record.metrics.set("round", double(r));
    // evaluated every other round
    if (r % 2 == 0) record.metrics.set("valid_ndcg_50", 0.1 * double(r));
    record.time.set("training_max", 0.5);
    record.traffic.set("dense_down", 1024.0);
    record.groups.set("largest", 9.0);
  }
  record.baselines.begin_row();
  record.baselines.set("test_hr_50", 0.2);
  run.spec = resolve(record.config);
  const auto& spec = run.spec;
  for (int j = 0; j < spec.views; ++j) {
    run.global.views.emplace_back(items, spec.view_width);
    for (std::size_t i = 0; i < run.global.views.back().size(); ++i)
      run.global.views.back().values[i] = float(i) + 0.25f * float(j);
  }
  run.global.theta.assign(std::size_t(spec.head.theta), 0.75f);
  auto& state = run.state;
  if (!spec.shares_head) state.theta = client_matrix(data, spec.head.theta, 1);
  state.user = client_matrix(data, spec.head.user, 2);
  state.router = client_matrix(data, spec.has_router ? spec.router.size : 0, 3);
  if (spec.has_overlay()) state.overlay = overlay(data, spec.overlay_width());
  if (personal_init_std > 0) {
    state.base = Matrix<float>(items, spec.overlay_width(), 0.5f);
    for (const auto u : data.client_ids) state.base_scale.push_back(value(u, 0, 0));
  }
  for (const auto u : data.client_ids)
    state.group.push_back(spec.has_teacher ? group_of(u, rounds - 1) : -1);
  state.shares = client_matrix(data, spec.prior_groups, 4);
  if (spec.has_prior()) run.global.prior = Matrix<float>(items, spec.prior_groups, -1.5f);
  if (spec.has_teacher) {
    for (std::int64_t r = 0; r < rounds; ++r) {
      record.group_by_round.emplace_back();
      for (const auto u : data.client_ids) record.group_by_round.back().push_back(group_of(u, r));
    }
    record.preferences = Matrix<float>(5, items, 0.25f);
    record.group_embeddings = Matrix<float>(5, 16, -1.0f);
  }
  return run;
}

}  // namespace fedfuse::test
