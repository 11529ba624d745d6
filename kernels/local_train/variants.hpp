#pragma once
// The variants of local_train, one function each; local_train.cpp holds the table.
#include <algorithm>

#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

Outcome train_cpu(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                  Workspace& ws, std::span<float> step_loss);

// train() leaves the rows as trained; where their change is asked for, they become it.
template <class Train>
Outcome train_for_change(const Shape& shape, const Rates& rates, const Steps& steps,
                         const Client& client, Workspace& ws, const Train& train) {
  if (!client.as_change) return train();
  const auto floats = long(client.slots) * shape.width;
  float* before = ws.change.take(0, std::size_t(floats));
  std::copy_n(client.rows, floats, before);
  const auto outcome = train();
  subtract_start(rates, steps.count(), before, floats, client.rows);
  return outcome;
}

}  // namespace fedfuse::local_train
