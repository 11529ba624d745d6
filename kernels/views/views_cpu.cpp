// The CPU's variant: blocks of items of a fixed size over OpenMP threads; the blocks' gradients of
// the operators are summed exactly, so neither threads nor ranks change a bit.
#include <omp.h>

#include <algorithm>

#include "core/error.hpp"
#include "kernels/views/exact_sum.hpp"
#include "kernels/views/views_block.hpp"

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

void forward_cpu(const Problem& p, const Range& range, const std::array<float*, branches>& out) {
  const Blocks blocks(range);
  const PackedOperators weights(p);
#pragma omp parallel num_threads(blocks.team())
  {
    Block block(p, weights, cpu_block_items);
#pragma omp for schedule(dynamic)
    for (std::int64_t b = 0; b < blocks.count; ++b)
      block.forward(blocks.first(b), blocks.rows(b), out);
  }
}

bool backward_cpu(const Problem& p, const Range& range, float scale, ExactSum& sum, float* grad_D) {
  const Blocks blocks(range);
  const PackedOperators weights(p);
  bool finite = true;
#pragma omp parallel num_threads(blocks.team())
  {
    Block block(p, weights, cpu_block_items);
    ExactSum my_sum(p.layout.size);
    bool my_finite = true;
#pragma omp for schedule(dynamic)
    for (std::int64_t b = 0; b < blocks.count; ++b) {
      const auto first = blocks.first(b), rows = blocks.rows(b);
      if (all_zero(p, first, rows)) {  // no client trained on these items
        std::fill_n(grad_D + first * p.layout.d, rows * p.layout.d, 0.0f);
        continue;
      }
      block.backward(first, rows, scale, grad_D);
      my_finite = my_sum.add(block.gradient()) && my_finite;
    }
#pragma omp critical
    {
      sum.merge(my_sum);
      finite = finite && my_finite;
    }
  }
  return finite;
}

void run_cpu(const Problem& p, Result& result) {
  const Range all{0, p.items};
  const auto cells = std::size_t(p.items * p.layout.d), J = p.layout.views.size();
  std::vector<Array<float>> F(J, Array<float>(cells));
  std::array<float*, branches> out{};
  for (std::size_t j = 0; j < J; ++j) out[j] = F[j].data();
  forward_cpu(p, all, out);
  Array<float> grad_D(cells), gradient(p.layout.size);
  ExactSum sum(p.layout.size);
  FEDFUSE_CHECK(backward_cpu(p, all, 1.0f, sum, grad_D.data()),
                "the gradients of the views are finite");
  sum.decode(gradient, 1.0);
  result.views.clear();
  for (const auto& f : F) result.views.emplace_back(f.begin(), f.end());
  result.gradient.assign(gradient.begin(), gradient.end());
  result.D.assign(grad_D.begin(), grad_D.end());
}

}  // namespace fedfuse::views
