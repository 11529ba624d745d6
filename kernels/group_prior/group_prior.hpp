#pragma once
// The group prior's teacher (models.md section 9): for every group l and item i the logit
//
//   H_l[i] = ReLU(U Z[i] + A_l)          Z[i]: P features, U: h x P, A_l: h
//   L_l[i] = (v + V_l) . H_l[i] + b_l    v, V_l: h
//
// fitted to the groups' sums of interactions S with the constant complement N_l:
//
//   loss = sum_l sum_i [ S_l[i] softplus(-L_l[i]) + c[i] N_l softplus(L_l[i]) ] / total
//   total = sum_l sum_i (S_l[i] + c[i] N_l)
//
// and its gradient, with g_l[i] = (sigmoid(L_l[i]) (S_l[i] + c[i] N_l) - S_l[i]) / total:
//
//   db_l = sum_i g_l[i]    dV_l = sum_i g_l[i] H_l[i]    dv = sum_l dV_l
//   dA_l = (v + V_l) * sum_i g_l[i] [H_l[i] > 0]         (element by element)
//   dU   = sum_i gc[i] Z[i]^T,    gc[i] = sum_l g_l[i] (v + V_l) [H_l[i] > 0]
//
// Items are separable (R13): blocks of fixed size are summed exactly, so that neither ranks nor
// threads change a bit.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/gpu/device.hpp"
#include "core/matrix.hpp"

namespace fedfuse::group_prior {

class GradientSum;  // gradient_sum.hpp

// Where the parameters stand in one flat array, each on its own 64-byte line.
struct Layout {
  struct Entry {
    std::string name;  // of models.md
    std::int64_t rows = 0, cols = 0;
    std::size_t at = 0;
    [[nodiscard]] std::size_t size() const { return std::size_t(rows * cols); }
  };
  Layout(std::int64_t features, std::int64_t hidden, std::int64_t groups);

  std::int64_t P = 0, h = 0, G = 0;
  std::vector<Entry> entries;  // U, A, v, V, b
  std::size_t U = 0, A = 0, v = 0, V = 0, b = 0;
  std::size_t size = 0;  // floats, gaps included

 private:
  std::size_t add(const std::string& name, std::int64_t rows, std::int64_t cols);
};

// Row-major arrays in host memory.
struct Problem {
  Layout layout;
  std::int64_t items = 0;             // M
  const float* Z = nullptr;           // M x P
  double largest_row = 0;             // >= |Z[i]| of every item
  const float* parameters = nullptr;  // layout.size
  const float* S = nullptr;           // M x G, >= 0; for the gradient
  const float* N = nullptr;           // G, >= 0; for the gradient
  const float* c = nullptr;           // M, >= 0: an item's part in N; null: 1 for every item
  double total = 1.0;                 // > 0; for the gradient

  // Of one step; multiply-adds, maxima and comparisons count as they are written above:
  // 4 P h + 8 G h an item, and 2 P h + 4 G h for logits alone.
  [[nodiscard]] double gradient_flops() const;
  [[nodiscard]] double logits_flops() const;
  // What must cross at least: Z and S in, the parameters in and their gradient out; logits out.
  [[nodiscard]] double gradient_bytes() const;
  [[nodiscard]] double logits_bytes() const;
};

// Items [first, first + count), those of one rank. first: a multiple of block_items; the block of
// an item, and so its bits, do not depend on the ranks.
struct Range {
  std::int64_t first = 0, count = 0;
};
inline constexpr std::int64_t block_items = 128;

struct Result {
  double loss = 0;
  std::vector<double> logits;    // M x G
  std::vector<double> gradient;  // as the layout, gaps 0
};

// Scratch of the threads, kept from step to step; for problems of one layout.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  Workspace(Workspace&&) noexcept;
  Workspace& operator=(Workspace&&) noexcept;
  struct Threads;
  Threads& threads() { return *threads_; }

 private:
  std::unique_ptr<Threads> threads_;
};

// Rows [range.first, ...) of L into `out` (M x G, row 0).
using Logits = void (*)(const Problem&, const Range&, Workspace&, float* out);
// The range's share of the loss and of the gradient is added to `sum`, which was made for this
// layout and for the unit of sum_unit(problem). False: a number is not finite or too large; then
// the sum is worth nothing.
using Gradient = bool (*)(const Problem&, const Range&, Workspace&, GradientSum& sum);
// Logits, loss and gradient of all items. InternalError: a number is not finite.
using Function = void (*)(const Problem&, Result&);
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
  Logits logits = nullptr;  // what `run` consists of
  Gradient gradient = nullptr;
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

// group_prior_cpu.cpp; threads of OpenMP
void logits_cpu(const Problem& problem, const Range& range, Workspace& workspace, float* out);
bool gradient_cpu(const Problem& problem, const Range& range, Workspace& workspace,
                  GradientSum& sum);
void run_cpu(const Problem& problem, Result& result);

// group_prior_ref.cpp; the second with parameters in double, for derivatives by differences.
void reference(const Problem& problem, Result& result);
void reference(const Problem& problem, std::span<const double> parameters, Result& result);

}  // namespace fedfuse::group_prior
