#pragma once
// The variants of local_train, one function each; local_train.cpp holds the table.
#include "kernels/local_train/local_train.hpp"

namespace fedfuse::local_train {

Outcome train_cpu(const Shape& shape, const Rates& rates, const Steps& steps, const Client& client,
                  Workspace& ws, std::span<float> step_loss);

}  // namespace fedfuse::local_train
