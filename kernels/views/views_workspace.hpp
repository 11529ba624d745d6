#pragma once
// Memory of the CPU's variant, kept from call to call: a round of a few hundred items takes less
// time than the pages of its scratch take to be mapped. Nothing here is read by a later call. For
// problems of one layout.
#include <cstdint>
#include <deque>

#include "kernels/views/exact_sum.hpp"
#include "kernels/views/views_block.hpp"

namespace fedfuse::views {

class Workspace {
 public:
  struct Worker {
    Block block;
    ExactSum sum;  // of a thread that does not add to the caller's
  };
  // A call with so many threads begins: packs the weights, empties the sums.
  void begin(const Problem& problem, int threads);
  [[nodiscard]] const PackedOperators& weights() const { return weights_; }
  [[nodiscard]] Worker& worker(int thread) { return workers_[std::size_t(thread)]; }

 private:
  PackedOperators weights_;
  std::deque<Worker> workers_;  // one a thread; each makes its memory itself
};

}  // namespace fedfuse::views
