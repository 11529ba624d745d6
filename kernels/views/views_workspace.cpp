#include "kernels/views/views_workspace.hpp"

namespace fedfuse::views {

void Workspace::begin(const Problem& problem, int threads) {
  weights_.pack(problem);
  while (workers_.size() < std::size_t(threads)) workers_.emplace_back();
  for (auto& worker : workers_) worker.sum.clear();
}

}  // namespace fedfuse::views
