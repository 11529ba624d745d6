#pragma once
// FedVLR's item views and the way back (arXiv 2410.08478; models.md section 4). For every item i
// and branch m = d, t, v (E_d = D):
//
//   x_m   = LN(has_m A_m E_m[i] + a_m)   LN(y) = ln_w (y - mean y) / sqrt(var y + 1e-5) + ln_b;
//                                        ViewNorm::none: LN(y) = y
//   F_sum  = x_d + x_t + x_v
//   F_mlp  = W2 ReLU(W1 [x_d; x_t; x_v] + b1) + b2   3d -> 2d -> d
//   F_gate = W_o [sigmoid(G_d x_d + g_d); sigmoid(G_t x_t + g_t); sigmoid(G_v x_v + g_v)] + b_o
//     each d -> d; 3d -> d
//
// and from dL/dF_j, M x d each, the gradient of all operators and of D. Activations are computed
// again on the way back (R3): stored for all items they would be more than the features.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/fedvlr.hpp"
#include "core/gpu/device.hpp"

namespace fedfuse::views {

inline constexpr float ln_epsilon = 1e-5f;
inline constexpr int branches = 3;

struct Shape {
  // widths of D, E_t, E_v; 0: no item has this modality
  std::int64_t d = 0, d_text = 0, d_image = 0;
  std::vector<View> views;  // each once, in the order in which clients see them
  ViewNorm norm = ViewNorm::layer;
};

// gamma, the operators' parameters that the chosen views need, in one flat array: each matrix on
// its own 64-byte line, gaps between.
struct Layout {
  struct Entry {
    std::string name;  // of models.md: A_t, a_t, ...
    std::int64_t rows = 0, cols = 0;
    std::size_t at = 0;
  };
  struct Branch {
    std::int64_t width = 0;  // of E_m
    std::size_t A = 0, a = 0, G = 0, g = 0;
    std::size_t ln_w = 0, ln_b = 0;  // with layer norm only
  };
  explicit Layout(const Shape& shape);
  [[nodiscard]] bool has(View view) const;
  [[nodiscard]] bool layer_norm() const { return norm == ViewNorm::layer; }

  std::int64_t d = 0;
  std::vector<View> views;
  ViewNorm norm = ViewNorm::layer;
  std::array<Branch, branches> branch;
  std::size_t W1 = 0, b1 = 0, W2 = 0, b2 = 0, W_o = 0, b_o = 0;
  std::vector<Entry> entries;
  std::size_t size = 0;  // floats, gaps included

 private:
  std::size_t add(const std::string& name, std::int64_t rows, std::int64_t cols);
};

// Row-major arrays in host memory.
struct Problem {
  Layout layout;
  std::int64_t items = 0;                           // M
  std::array<const float*, branches> features{};    // D, E_t, E_v: M x width
  std::array<const std::uint8_t*, branches> has{};  // M; null: every item
  const float* parameters = nullptr;                // layout.size
  std::array<const float*, branches> view_grad{};   // dL/dF_j, M x d, of the j-th view

  // Multiply-adds as two. Backward: the activations again, the weights' gradients, the inputs'
  // gradients but those of fixed features.
  [[nodiscard]] double forward_flops() const;
  [[nodiscard]] double backward_flops() const;
  // What must cross at least: features and D in, views out; features, D and dL/dF in, dL/dD out.
  [[nodiscard]] double forward_bytes() const;
  [[nodiscard]] double backward_bytes() const;
};

struct Result {
  std::vector<std::vector<double>> views;  // F_j, M x d
  std::vector<double> gradient, D;         // of the operators, as the layout (gaps 0); of D
};

// Items [first, first + count), those of one rank. first: a multiple of cpu_block_items; the block
// of an item, and so its bits, do not depend on the ranks.
struct Range {
  std::int64_t first = 0, count = 0;
};
inline constexpr std::int64_t cpu_block_items = 256;
class ExactSum;   // exact_sum.hpp
class Workspace;  // views_workspace.hpp: memory that is kept from call to call

// F_j of the range into its rows of out[j] (M x d).
using Forward = void (*)(const Problem&, const Range&, Workspace&,
                         const std::array<float*, branches>& out);
// From scale dL/dF_j (scale: a power of two): the range's gradient of the operators is added to
// `sum`, its rows of dL/dD are written to grad_D (M x d), both scaled. False: a value is not finite
// or too large for the sum; then neither is worth anything.
using Backward = bool (*)(const Problem&, const Range&, float scale, Workspace&, ExactSum& sum,
                          float* grad_D);
// All items, there and back, unscaled. InternalError: a gradient is not finite.
using Function = void (*)(const Problem&, Result&);
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
  // what `run` consists of; null: a device, whose data stay there between the two (views_gpu.hpp)
  Forward forward = nullptr;
  Backward backward = nullptr;
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

// views_cpu.cpp; threads of OpenMP
void forward_cpu(const Problem& problem, const Range& range, Workspace& workspace,
                 const std::array<float*, branches>& out);
bool backward_cpu(const Problem& problem, const Range& range, float scale, Workspace& workspace,
                  ExactSum& sum, float* grad_D);
void run_cpu(const Problem& problem, Result& result);

// views_ref.cpp; with parameters and D in double, for derivatives by differences.
void reference(const Problem& problem, Result& result);
void reference(const Problem& problem, std::span<const double> parameters,
               std::span<const double> D, Result& result);
void cuda(const Problem& problem, Result& result);      // views_gpu.cpp
void emulated(const Problem& problem, Result& result);  // views_gpu.cpp

}  // namespace fedfuse::views
