#include "server/traffic.hpp"

namespace fedfuse {

Traffic count_traffic(const ModelSpec& spec, const Dataset& data, std::int64_t operator_parameters,
                      double mean_touched) {
  constexpr double bytes = 4;
  const double M = double(data.items), width = spec.view_width, theta = spec.head.theta;
  const bool server_views = !spec.rows_trained;
  // "+MLP" and "+FedVLR" send the three branches or views, whatever the client then mixes (section
  // 7).
  const double sent_tables = server_views ? 3.0 : 1.0;
  const double row_id = 4;

  Traffic t;
  double down = sent_tables * M * width,
         up = M * width + (server_views ? double(operator_parameters) : 0.0);
  double sparse_rows = mean_touched * ((server_views ? spec.views : 1) * width * bytes + row_id);
  if (spec.counts_rows) {  // how many touched each row
    up += M;
    sparse_rows += mean_touched * bytes;
  }
  double head_up = spec.shares_head ? theta : 0.0;
  if (spec.shares_head) down += theta;
  if (spec.has_teacher) {
    down += M;  // its group's preferences
    head_up = theta;
  }
  double sums_up = 0, sparse_sums_up = 0;
  if (spec.has_prior()) {  // logits and their normalisers down; sums of shares up
    const double groups = double(spec.prior_groups),
                 positives = double(data.train_interactions) / double(data.clients);
    down += groups * (M + 1);
    sums_up = bytes * groups * (M + 1);
    sparse_sums_up = positives * (bytes * groups + row_id) + bytes * groups;
  }
  t.dense_down = bytes * down;
  t.dense_up = bytes * (up + head_up) + sums_up;
  t.sparse_down = t.dense_down;  // which rows a client needs would tell its items
  t.sparse_up = sparse_rows + bytes * head_up + sparse_sums_up;
  t.raw_multimodal_down = t.dense_down + bytes * M * double(data.text.cols + data.image.cols);

  // The published counts hold tables and the router only: an ID-only client M d, "+MLP" 3 M d,
  // "+ours" 3 M d + router, FedRAP one M d more.
  t.parameters_on_client =
      sent_tables * M * width + spec.router.size + (spec.backbone.personal_rows ? M * width : 0.0);
  return t;
}

}  // namespace fedfuse
