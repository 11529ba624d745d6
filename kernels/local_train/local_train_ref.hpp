#pragma once
// The naive form of local_train.hpp's formula, in double: whole tables, one sample after the other,
// no identity of restructuring.md used, no code shared with any variant. Slow and plain on purpose.
#include <cstdint>
#include <vector>

#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

struct DenseClient {
  std::int64_t items = 0;                   // M
  std::vector<double> theta, user, router;  // as in HeadLayout and RouterLayout
  std::vector<double> table;                // views x M x width
  std::vector<double> personal;             // M x width, or empty
  std::vector<double> soft;                 // M, or empty
  std::vector<double> prior;                // M, or empty: no prior
};
struct DenseSteps {
  std::vector<std::vector<std::int64_t>> items;  // per step
  std::vector<std::vector<double>> labels;
};
struct DenseRates {
  double lr = 0.1, lr_items = 1, decay = 0, lambda = 0, rap_alpha = 0, rap_beta = 0;
  bool soft_negatives_only = false;
  bool rows_by_sum = false;
  bool router_learns = true;
};

// Loss of one batch at the given parameters, and (when given) its gradients, laid out as the
// parameters.
double reference_loss(const Shape& shape, const DenseRates& rates, const DenseClient& at,
                      const std::vector<std::int64_t>& items, const std::vector<double>& labels,
                      DenseClient* gradient);
// Router weights of a batch.
std::vector<double> reference_router(const Shape& shape, const DenseClient& at,
                                     const std::vector<std::int64_t>& items);
// The whole round, in place: parameters are trained; view_grad (views x M x width) gets the sum
// over the steps when rows are not trained. Returns the loss of every step.
std::vector<double> reference_train(const Shape& shape, const DenseRates& rates,
                                    DenseClient& client, const DenseSteps& steps,
                                    std::vector<double>& view_grad);

}  // namespace fedfuse::local_train
