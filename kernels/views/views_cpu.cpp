// The CPU's variant: blocks of items of a fixed size over OpenMP threads; the blocks' gradients of
// the operators are summed exactly, so neither threads nor ranks change a bit.
#include <omp.h>

#include <algorithm>

#include "core/error.hpp"
#include "kernels/views/exact_sum.hpp"
#include "kernels/views/views_workspace.hpp"

namespace fedfuse::views {
namespace {

// The blocks of a range: [first(b), first(b) + rows(b)) for b < count.
struct Blocks {
  Range range;
  std::int64_t count;
  explicit Blocks(const Range& r)
      : range(r), count((r.count + cpu_block_items - 1) / cpu_block_items) {
    FEDFUSE_CHECK(r.first % cpu_block_items == 0, "a range of items begins with a whole block");
  }
  [[nodiscard]] std::int64_t first(std::int64_t b) const {
    return range.first + b * cpu_block_items;
  }
  [[nodiscard]] std::int64_t rows(std::int64_t b) const {
    return std::min(cpu_block_items, range.count - b * cpu_block_items);
  }
  // Threads worth starting: not more than there are blocks.
  [[nodiscard]] int team() const {
    return int(std::clamp<std::int64_t>(count, 1, omp_get_max_threads()));
  }
};

bool all_zero(const Problem& p, std::int64_t first, std::int64_t rows) {
  for (std::size_t j = 0; j < p.layout.views.size(); ++j) {
    const float* from = p.view_grad[j] + first * p.layout.d;
    if (!std::all_of(from, from + rows * p.layout.d, [](float x) { return x == 0.0f; }))
      return false;
  }
  return true;
}

}  // namespace

void forward_cpu(const Problem& p, const Range& range, Workspace& workspace,
                 const std::array<float*, branches>& out) {
  const Blocks blocks(range);
  workspace.begin(p, blocks.team());
#pragma omp parallel num_threads(blocks.team())
  {
    auto& block = workspace.worker(omp_get_thread_num()).block;
    block.bind(p, workspace.weights(), cpu_block_items);
#pragma omp for schedule(dynamic)
    for (std::int64_t b = 0; b < blocks.count; ++b)
      block.forward(blocks.first(b), blocks.rows(b), out);
  }
}

bool backward_cpu(const Problem& p, const Range& range, float scale, Workspace& workspace,
                  ExactSum& sum, float* grad_D) {
  const Blocks blocks(range);
  workspace.begin(p, blocks.team());
  bool finite = true;
#pragma omp parallel num_threads(blocks.team()) reduction(&& : finite)
  {
    const int thread = omp_get_thread_num();
    auto& my = workspace.worker(thread);
    my.block.bind(p, workspace.weights(), cpu_block_items);
    if (thread != 0) my.sum.start(p.layout.size);
    auto& my_sum = thread == 0 ? sum : my.sum;
#pragma omp for schedule(dynamic)
    for (std::int64_t b = 0; b < blocks.count; ++b) {
      const auto first = blocks.first(b), rows = blocks.rows(b);
      if (all_zero(p, first, rows)) {  // no client trained on these items
        std::fill_n(grad_D + first * p.layout.d, rows * p.layout.d, 0.0f);
        continue;
      }
      my.block.backward(first, rows, scale, my_sum.next().data(), grad_D);
      finite = my_sum.add_next() && finite;
    }
  }
  for (int t = 1; t < blocks.team(); ++t) sum.merge(workspace.worker(t).sum);
  return finite;
}

void run_cpu(const Problem& p, Result& result) {
  const Range all{0, p.items};
  const auto cells = std::size_t(p.items * p.layout.d), J = p.layout.views.size();
  std::vector<Array<float>> F(J, Array<float>(cells));
  std::array<float*, branches> out{};
  for (std::size_t j = 0; j < J; ++j) out[j] = F[j].data();
  Workspace workspace;
  forward_cpu(p, all, workspace, out);
  Array<float> grad_D(cells), gradient(p.layout.size);
  ExactSum sum(p.layout.size);
  FEDFUSE_CHECK(backward_cpu(p, all, 1.0f, workspace, sum, grad_D.data()),
                "the gradients of the views are finite");
  sum.decode(gradient, 1.0);
  result.views.clear();
  for (const auto& f : F) result.views.emplace_back(f.begin(), f.end());
  result.gradient.assign(gradient.begin(), gradient.end());
  result.D.assign(grad_D.begin(), grad_D.end());
}

}  // namespace fedfuse::views
