#pragma once
// --teacher-solver batches: the published network, loss and optimizer, and one batch of all (l, i).
// Items are cut into fixed blocks; blocks are spread over ranks and threads, gradients are summed
// exactly (R7): the same bits for any split. One reduction a step.
#include <cstdint>
#include <span>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "kernels/teacher/teacher.hpp"

namespace fedfuse::teacher {

inline constexpr std::int64_t full_batch_items = 256;  // of a block

struct FullGradient {
  double loss = 0;  // mean over all pairs; not finite where a gradient is not
  Array<float> values;
  bool stopped = false;  // a rank asked for it: loss and values mean nothing
  double flops = 0;      // of this rank's blocks
};

// own: parameters, and features and targets of this rank's rows of a RowSplit of all `items`;
// order, batching and moments are not read. Collective.
[[nodiscard]] FullGradient full_gradient(const Problem& own, std::int64_t items, const Comm& comm,
                                         bool stop);

}  // namespace fedfuse::teacher
