// What is written is what is read, and what stands in the file does not depend on the ranks.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/h5.hpp"
#include "results/reader.hpp"
#include "results/writer.hpp"
#include "tests/results/synthetic.hpp"

namespace fedfuse {
namespace {

using test::clients, test::items, test::value;

struct Case {
  const char *backbone, *fusion;
  double personal_init_std;
};
constexpr Case cases[] = {
    {"fcf", "none", 0},        {"fedncf", "none", 0},         {"pfedrec", "gfmfr", 0},
    {"fedrap", "gfmfr", 0.01}, {"fedrap", "fedvlr+gfmfr", 0}, {"fedavg", "mlp", 0},
    {"fcf", "fedvlr", 0}};

void expect_clients(const h5::File& file, const std::string& name, std::int64_t cols, int array) {
  ASSERT_TRUE(file.has(name)) << name;
  const auto m = file.read_matrix<float>(name);
  ASSERT_EQ(m.rows, clients) << name;
  ASSERT_EQ(m.cols, cols) << name;
  for (std::int64_t u = 0; u < clients; ++u)
    for (std::int64_t j = 0; j < cols; ++j)
      ASSERT_EQ(m(u, j), value(u, j, array)) << name << " of client " << u;
}

void expect_overlay(const h5::File& file, int width) {
  const auto offsets = file.read_all<std::int64_t>("/model/overlay_offsets");
  const auto ids = file.read_all<std::int32_t>("/model/overlay_items");
  const auto rows = file.read_matrix<float>("/model/overlay_rows");
  ASSERT_EQ(offsets.size(), std::size_t(clients) + 1);
  ASSERT_EQ(offsets.back(), rows.rows);
  for (std::int64_t u = 0; u < clients; ++u) {
    const auto first = offsets[std::size_t(u)];
    ASSERT_EQ(offsets[std::size_t(u) + 1] - first, test::overlay_rows_of(u)) << "client " << u;
    for (std::int64_t r = 0; r < test::overlay_rows_of(u); ++r) {
      ASSERT_EQ(ids[std::size_t(first + r)], 2 * r + u % 2);
      for (int j = 0; j < width; ++j) ASSERT_EQ(rows(first + r, j), value(u, r * width + j, 7));
    }
  }
}

void expect_file(const std::string& path, const test::Run& run) {
  const auto file = h5::File::open(path);
  const auto& spec = run.spec;
  if (!spec.shares_head) expect_clients(file, "/model/client_theta", spec.head.theta, 1);
  if (spec.head.user > 0) expect_clients(file, "/model/client_user", spec.head.user, 2);
  if (spec.has_router) expect_clients(file, "/model/client_router", spec.router.size, 3);
  if (spec.has_overlay()) expect_overlay(file, spec.overlay_width());
  EXPECT_EQ(file.has(spec.rows_trained ? "/model/item_table"
                     : spec.views == 1 ? "/model/view_mlp"
                                       : "/model/view_gate"),
            true);
  if (spec.has_teacher) {
    const auto groups = file.read_matrix<std::int32_t>("/groups/of_client_by_round");
    ASSERT_EQ(groups.rows, test::rounds);
    for (std::int64_t r = 0; r < test::rounds; ++r)
      for (std::int64_t u = 0; u < clients; ++u)
        ASSERT_EQ(groups(r, u), test::group_of(u, r)) << "round " << r << " client " << u;
  }
  EXPECT_EQ(file.text("/", "format"), "fedfuse-result");
  EXPECT_EQ(file.text("/metrics/valid_ndcg_50", "unit"), "1");
  EXPECT_FALSE(file.text("/time/training_max", "meaning").empty());
  EXPECT_EQ(nlohmann::json::parse(file.text("/", "provenance")).at("seed"), 11);
  EXPECT_EQ(file.read_all<double>("/facts/training_seconds").at(0), 1.5);
}

void expect_tables(const RunRecord& read, const RunRecord& written) {
  EXPECT_EQ(read.config, written.config);
  EXPECT_EQ(read.status, written.status);
  EXPECT_EQ(read.best_round, written.best_round);
  EXPECT_EQ(read.model_round, written.model_round);
  EXPECT_EQ(read.facts, written.facts);
  EXPECT_EQ(read.notes, written.notes);
  EXPECT_EQ(read.metrics.rows(), std::size_t(test::rounds));
  EXPECT_TRUE(std::isnan(read.metrics.at("valid_ndcg_50", 0)));
  EXPECT_EQ(read.metrics.at("valid_ndcg_50", 3), 0.4);
  EXPECT_EQ(read.groups.at("largest", 2), 9.0);
  EXPECT_EQ(read.baselines.at("test_hr_50", 0), 0.2);
  EXPECT_EQ(read.preferences, written.preferences);
  EXPECT_EQ(read.group_embeddings, written.group_embeddings);
}

TEST(ResultFile, holds_the_model_in_id_order_and_reads_back_on_any_deal_of_clients) {
  const auto comm = Comm::world();
  const test::TemporaryFolder folder(comm);
  const auto path = folder.file("run.h5");
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.backbone) + " " + c.fusion);
    const auto data = test::synthetic_data(comm, test::Deal::round_robin);
    const auto run = test::synthetic_run(c.backbone, c.fusion, c.personal_init_std, data, comm);
    write_result(path, run.record, run.spec, run.global, run.state, data, comm);
    expect_file(path, run);
    comm.barrier();
    for (const auto deal : {test::Deal::round_robin, test::Deal::reversed_blocks}) {
      const auto other = test::synthetic_data(comm, deal);
      const auto expected =
          test::synthetic_run(c.backbone, c.fusion, c.personal_init_std, other, comm);
      const auto loaded = read_result(path, other, comm);
      EXPECT_EQ(loaded.model.global, expected.global);
      EXPECT_EQ(loaded.model.state, expected.state);
      expect_tables(loaded.record, expected.record);
    }
  }
}

TEST(ResultFile, has_a_twin_in_json_with_null_for_missing_numbers) {
  const auto comm = Comm::world();
  const test::TemporaryFolder folder(comm);
  const auto data = test::synthetic_data(comm, test::Deal::round_robin);
  const auto run = test::synthetic_run("fcf", "gfmfr", 0, data, comm);
  write_result(folder.file("run.h5"), run.record, run.spec, run.global, run.state, data, comm);
  comm.barrier();
  std::ifstream in(folder.file("run.json"));
  const auto twin = nlohmann::json::parse(in);
  EXPECT_TRUE(twin.at("metrics").at("valid_ndcg_50").at(0).is_null());
  EXPECT_EQ(twin.at("metrics").at("valid_ndcg_50").at(1), 0.2);
  EXPECT_EQ(twin.at("config").at("backbone"), "fcf");
  EXPECT_EQ(twin.at("facts").at("training_seconds"), 1.5);
  EXPECT_EQ(twin.at("data").at("clients"), clients);
  EXPECT_EQ(twin.at("provenance").at("ranks"), comm.size());
  EXPECT_EQ(folder.entries().size(), 2u);  // no partial file is left
}

TEST(ResultFile, summary_needs_no_data_set) {
  const auto comm = Comm::world();
  const test::TemporaryFolder folder(comm);
  const auto data = test::synthetic_data(comm, test::Deal::round_robin);
  const auto run = test::synthetic_run("fedrap", "none", 0, data, comm);
  write_result(folder.file("run.h5"), run.record, run.spec, run.global, run.state, data, comm);
  comm.barrier();
  const auto summary = read_summary(folder.file("run.h5"));
  EXPECT_EQ(summary.clients, clients);
  EXPECT_EQ(summary.items, items);
  EXPECT_EQ(summary.data_name, "synthetic");
  EXPECT_EQ(summary.record.config.model.backbone, "fedrap");
}

}  // namespace
}  // namespace fedfuse
