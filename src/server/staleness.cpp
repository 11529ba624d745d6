#include "server/staleness.hpp"

#include <cmath>

namespace fedfuse {

double staleness_weight(std::int64_t staleness) { return 1 / std::sqrt(1 + double(staleness)); }

Weakened::Weakened(const LocalUpdate& update, const Start& start, const ModelSpec& spec,
                   const GlobalModel& newest)
    : update_(update) {
  const double w = start.weight;
  if (w == 1) return;
  const auto n = std::size_t(spec.views) * update.items.size() * std::size_t(spec.view_width);
  rows_.assign(update.rows, update.rows + n);
  for (float& x : rows_) x = float(w * double(x));
  update_.rows = rows_.data();
  update_.rho = 1 - w * (1 - update.rho);
  if (!spec.shares_head) return;
  head_.assign(update.sent_theta.begin(), update.sent_theta.end());
  for (std::size_t k = 0; k < head_.size(); ++k) {
    const double from = spec.head_as_change ? 0 : double(start.model->theta[k]),
                 to = spec.head_as_change ? 0 : double(newest.theta[k]);
    head_[k] = float(to + w * (double(head_[k]) - from));
  }
  update_.sent_theta = head_;
}

}  // namespace fedfuse
