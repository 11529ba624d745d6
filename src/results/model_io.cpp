#include "results/model_io.hpp"

// /model and the arrays of /groups: client arrays in the order of the global ids, each one
// contiguous collective transfer.
#include <algorithm>

#include "results/model_file.hpp"
#include "results/overlay_block.hpp"

namespace fedfuse {
namespace {

using Rows = std::span<const float>;

void write_clients(ResultSink& sink, const ClientOrder& order, std::int64_t clients,
                   const std::string& name, const Matrix<float>& m, const std::string& meaning) {
  if (m.cols == 0 || sink.comm().max(m.rows) == 0) return;
  const auto block = order.to_block<float>(m.span(), m.cols);
  sink.rows<float>("/model/" + name, clients, m.cols, order.first(), block, "1", meaning);
}

void write_overlay(ResultSink& sink, const ClientOrder& order, std::int64_t clients,
                   const OverlayStore& overlay) {
  const auto block = block_of(overlay, order, sink.comm());
  auto file_offsets = offsets_of(block.counts);
  for (auto& offset : file_offsets) offset += block.before;
  // the next rank starts there
  if (order.first() + order.count() < clients) file_offsets.pop_back();
  sink.rows<std::int64_t>(
      "/model/overlay_offsets", clients + 1, 0, order.first(), file_offsets, "1",
      "client u's rows are [offsets[u], offsets[u + 1]) of overlay_items and overlay_rows");
  sink.rows<std::int32_t>("/model/overlay_items", block.total, 0, block.before, block.items, "item",
                          "items of which the client holds its own row, ascending");
  sink.rows<float>("/model/overlay_rows", block.total, overlay.width(), block.before, block.rows,
                   "1", "those rows: fedrap's personal rows, pfedrec's fine-tuned rows");
}

void write_prior(ResultSink& sink, const ClientOrder& order, std::int64_t clients,
                 const Matrix<float>& logits, const Matrix<float>& shares) {
  sink.all<float>("/model/prior", logits.cols, logits.span(), "1",
                  "L_l[i]: the group prior's logit of item i (row) in group l");
  write_clients(sink, order, clients, "client_shares", shares,
                "a_u: the client's shares in the groups of the prior");
}

// Every rank writes the rounds of its block: it needs all clients' groups of those rounds.
void write_groups_by_round(ResultSink& sink, const RunRecord& record, const Dataset& data) {
  const auto& comm = sink.comm();
  const auto rounds = comm.max(std::int64_t(record.group_by_round.size()));
  if (rounds == 0) return;
  const BlockSplit split{rounds, comm.size()};
  const auto ids = comm.all_gather(std::span<const std::int32_t>(data.client_ids));
  const auto locals = comm.all_gather(
      std::span<const std::int64_t>(std::vector<std::int64_t>{data.local_clients()}));
  std::int64_t most = 0;
  for (int r = 0; r < comm.size(); ++r) most = std::max(most, split.count(r));
  Matrix<std::int32_t> block(split.count(comm.rank()), data.clients, -1);
  for (std::int64_t k = 0; k < most; ++k) {  // one round for each rank at a time
    std::vector<std::vector<std::int32_t>> send(std::size_t(comm.size()));
    for (int r = 0; r < comm.size(); ++r)
      if (k < split.count(r))
        send[std::size_t(r)] = record.group_by_round[std::size_t(split.first(r) + k)];
    const auto received = comm.exchange(send);
    for (std::size_t i = 0; i < received.size(); ++i) block(k, ids[i]) = received[i];
  }
  sink.rows<std::int32_t>("/groups/of_client_by_round", rounds, data.clients,
                          split.first(comm.rank()), std::span<const std::int32_t>(block.span()),
                          "group", "group of every client after the round, -1: none yet");
}

// What a rank read for the clients of its block, on its way to the clients that it holds.
Matrix<float> to_clients(const ClientOrder& order, const Array<float>& block, std::int64_t clients,
                         std::int64_t width) {
  Matrix<float> m(clients, width);
  if (width > 0) m.values = order.to_local<float>(Rows(block), width);
  return m;
}

}  // namespace

std::vector<std::string> item_matrix_names(const ModelSpec& spec, const Config& config) {
  if (spec.rows_trained) return {"item_table"};
  if (spec.fusion.views == ViewsKind::mlp) return {"view_mlp"};
  std::vector<std::string> names;
  names.reserve(config.fedvlr.views.size());
  for (const auto view : config.fedvlr.views) names.push_back("view_" + text_of(view));
  return names;
}

void write_model(ResultSink& sink, const RunRecord& record, const ModelSpec& spec,
                 const GlobalModel& global, const ClientState& state, const Dataset& data) {
  sink.group("/model");
  const auto names = item_matrix_names(spec, record.config);
  FEDFUSE_CHECK(names.size() == global.views.size(),
                "the model has another number of item matrices than its configuration");
  for (std::size_t j = 0; j < names.size(); ++j) {
    const auto meaning = spec.rows_trained ? std::string("the shared item table C")
                                           : cat("item view F_", j + 1, " as the clients see it");
    sink.all<float>("/model/" + names[j], global.views[j].cols, global.views[j].span(), "1",
                    meaning);
  }
  if (!global.theta.empty())
    sink.all<float>(
        "/model/theta", 0, std::span<const float>(global.theta), "1",
        spec.shares_head ? "the shared head" : "the head that every client started from");

  const ClientOrder order(data.client_ids, data.clients, sink.comm());
  write_clients(sink, order, data.clients, "client_theta", state.theta, "the client's own head");
  write_clients(sink, order, data.clients, "client_user", state.user,
                "the client's own vector (neumf: u1 u2)");
  write_clients(sink, order, data.clients, "client_router", state.router,
                "the client's own router");
  if (sink.comm().max(state.overlay.clients()) > 0)
    write_overlay(sink, order, data.clients, state.overlay);
  if (!state.base.empty())
    sink.all<float>("/model/overlay_base", state.base.cols, state.base.span(), "1",
                    "common start of personal rows, where a client has no row");
  if (sink.comm().max(std::int64_t(state.base_scale.size())) > 0) {
    const auto block = order.to_block<float>(Rows(state.base_scale), 1);
    sink.rows<float>("/model/overlay_base_scale", data.clients, 0, order.first(), block, "1",
                     "factor of overlay_base for the client");
  }
  if (spec.has_teacher) {
    const auto block = order.to_block<std::int32_t>(std::span<const std::int32_t>(state.group), 1);
    sink.rows<std::int32_t>("/model/client_group", data.clients, 0, order.first(), block, "group",
                            "group of the client, -1: none");
  }

  if (spec.has_prior()) write_prior(sink, order, data.clients, global.prior, state.shares);

  write_groups_by_round(sink, record, data);
  if (!record.group_embeddings.empty())
    sink.all<float>("/groups/embeddings", record.group_embeddings.cols,
                    record.group_embeddings.span(), "1", "learned embedding e_l of each group");
  if (!record.preferences.empty())
    sink.all<float>("/groups/preferences", record.preferences.cols, record.preferences.span(), "1",
                    "pref_l[i]: probability that group l likes item i");
}

StoredModel read_model(const h5::File& file, const Config& config, const Dataset& data,
                       const Comm& comm) {
  StoredModel model;
  auto& state = model.state;
  const ClientOrder order(data.client_ids, data.clients, comm);
  ClientRows rows;
  comm.together([&] {
    const ModelFile stored(file, config, data.clients, data.items);
    model.spec = stored.spec();
    model.global = stored.global();
    state.base = stored.base();
    rows = stored.clients(order.first(), order.count());
  });
  const auto& spec = model.spec;
  const auto clients = data.local_clients();
  if (!spec.shares_head) state.theta = to_clients(order, rows.theta, clients, spec.head.theta);
  state.user = to_clients(order, rows.user, clients, spec.head.user);
  state.router = to_clients(order, rows.router, clients, spec.has_router ? spec.router.size : 0);
  if (spec.has_overlay()) {
    state.overlay = OverlayStore(clients, spec.overlay_width());
    fill(state.overlay, order, rows.overlay);
  }
  if (spec.has_base) state.base_scale = order.to_local<float>(Rows(rows.base_scale), 1);
  state.group.assign(std::size_t(clients), -1);
  state.shares = to_clients(order, rows.shares, clients, spec.prior_groups);
  if (spec.has_teacher) {
    const auto mine = order.to_local<std::int32_t>(std::span<const std::int32_t>(rows.group), 1);
    state.group.assign(mine.begin(), mine.end());
  }
  return model;
}

std::int64_t result_bytes(const RunRecord& record, const GlobalModel& global,
                          const ClientState& state, const Comm& comm) {
  std::int64_t shared =
      std::int64_t(global.theta.size() + state.base.size() + record.preferences.size() +
                   record.group_embeddings.size() + global.prior.size());
  for (const auto& view : global.views) shared += std::int64_t(view.size());
  std::int64_t mine =
      std::int64_t(state.theta.size() + state.user.size() + state.router.size() +
                   state.base_scale.size() + state.group.size() + state.shares.size());
  mine += state.overlay.total_rows() * (state.overlay.width() + 1) + 2 * state.overlay.clients();
  for (const auto& round : record.group_by_round) mine += std::int64_t(round.size());
  std::int64_t cells = 0, columns = 0;
  for (const auto* table :
       {&record.metrics, &record.time, &record.traffic, &record.groups, &record.privacy,
        &record.clock, &record.classes, &record.activity, &record.work, &record.baselines}) {
    columns += std::int64_t(table->columns().size());
    cells += std::int64_t(table->columns().size() * table->rows());
  }
  // HDF5 keeps about 2 KiB of names and attributes for a column.
  return 4 * (shared + comm.sum(mine)) + 8 * cells + 2048 * columns + (std::int64_t(1) << 20);
}

}  // namespace fedfuse
