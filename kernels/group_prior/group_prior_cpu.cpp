// The CPU's variant: blocks of items of a fixed size over OpenMP threads; the blocks' gradients are
// summed exactly, so neither threads nor ranks change a bit.
#include <omp.h>

#include <algorithm>

#include "core/error.hpp"
#include "kernels/group_prior/group_prior_block.hpp"

namespace fedfuse::group_prior {

struct Workspace::Threads {
  struct One {
    Block block;
    GradientSum sum;
    explicit One(const Layout& layout) : block(layout), sum(layout) {}
  };
  std::vector<std::unique_ptr<One>> one;

  // So many of them, each made by the thread that will use it.
  void grow(int threads) {
    if (std::size_t(threads) > one.size()) one.resize(std::size_t(threads));
  }
  One& mine(const Layout& layout) {
    auto& here = one[std::size_t(omp_get_thread_num())];
    if (here == nullptr) here = std::make_unique<One>(layout);
    return *here;
  }
};
Workspace::Workspace() : threads_(std::make_unique<Threads>()) {}
Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

namespace {

// The blocks of a range: [first(b), first(b) + rows(b)) for b < count.
struct Blocks {
  Range range;
  std::int64_t count;
  explicit Blocks(const Range& r) : range(r), count((r.count + block_items - 1) / block_items) {
    FEDFUSE_CHECK(r.first % block_items == 0, "a range of items begins with a whole block");
  }
  [[nodiscard]] std::int64_t first(std::int64_t b) const { return range.first + b * block_items; }
  [[nodiscard]] std::int64_t rows(std::int64_t b) const {
    return std::min(block_items, range.count - b * block_items);
  }
  // Threads worth starting: not more than there are blocks.
  [[nodiscard]] int team() const {
    return int(std::clamp<std::int64_t>(count, 1, omp_get_max_threads()));
  }
};

}  // namespace

void logits_cpu(const Problem& p, const Range& range, Workspace& workspace, float* out) {
  const Blocks blocks(range);
  const Operators operators(p);
  auto& threads = workspace.threads();
  threads.grow(blocks.team());
#pragma omp parallel num_threads(blocks.team())
  {
    auto& mine = threads.mine(p.layout);
#pragma omp for schedule(dynamic)
    for (std::int64_t b = 0; b < blocks.count; ++b)
      mine.block.logits(p, operators, blocks.first(b), blocks.rows(b), out);
  }
}

bool gradient_cpu(const Problem& p, const Range& range, Workspace& workspace, GradientSum& sum) {
  const Blocks blocks(range);
  const Operators operators(p);
  auto& threads = workspace.threads();
  threads.grow(blocks.team());
  bool finite = true;
#pragma omp parallel num_threads(blocks.team())
  {
    auto& mine = threads.mine(p.layout);
    mine.sum.start(sum.unit());
    bool my_finite = true;
#pragma omp for schedule(dynamic)
    for (std::int64_t b = 0; b < blocks.count; ++b) {
      const double loss = mine.block.gradient(p, operators, blocks.first(b), blocks.rows(b));
      my_finite = mine.sum.add(mine.block.gradient(), loss) && my_finite;
    }
#pragma omp critical
    {
      sum.merge(mine.sum);
      finite = finite && my_finite;
    }
  }
  return finite;
}

void run_cpu(const Problem& p, Result& result) {
  const Range all{0, p.items};
  Workspace workspace;
  std::vector<float> L(std::size_t(p.items * p.layout.G)), gradient(p.layout.size, 0.0f);
  logits_cpu(p, all, workspace, L.data());
  GradientSum sum(p.layout);
  const double unit = sum_unit(p);
  FEDFUSE_CHECK(unit > 0, "the parameters of the group prior are finite");
  sum.start(unit);
  FEDFUSE_CHECK(gradient_cpu(p, all, workspace, sum), "the group prior's gradient is finite");
  sum.decode(p, gradient);
  result.loss = sum.loss();
  result.logits.assign(L.begin(), L.end());
  result.gradient.assign(gradient.begin(), gradient.end());
}

}  // namespace fedfuse::group_prior
