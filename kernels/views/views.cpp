#include "kernels/views/views.hpp"

#include <algorithm>

namespace fedfuse::views {
namespace {

using gpu::Runs;
constexpr std::array<Variant, 3> table{{
    {.name = "cpu",
     .what = "blocks of 256 items over threads, weights packed once, gradients summed exactly",
     .run = run_cpu,
     .runs = Runs::everywhere,
     .forward = forward_cpu,
     .backward = backward_cpu},
    {"cuda",
     "chunks of items, grouped products of 128 x 64 tiles, gradients of blocks summed exactly",
     cuda, Runs::on_device},
    {"emulated", "cuda's source on the CPU: for proof", emulated, Runs::for_proof},
}};

// Multiply-adds an item behind the encoders: from x to the views.
double above_encoders(const Layout& l) {
  const double d = double(l.d), mlp = 8 * d * d, gate = 6 * d * d;
  return (l.has(View::mlp) ? mlp : 0.0) + (l.has(View::gate) ? gate : 0.0);
}
double encoders(const Layout& l) {
  return double(l.d) * double(l.branch[0].width + l.branch[1].width + l.branch[2].width);
}

}  // namespace

std::span<const Variant> variants() { return table; }

std::size_t Layout::add(const std::string& name, std::int64_t rows, std::int64_t cols) {
  constexpr std::size_t line = 16;
  entries.push_back({name, rows, cols, size});
  size = (size + std::size_t(rows * cols) + line - 1) / line * line;
  return entries.back().at;
}

bool Layout::has(View view) const { return std::ranges::find(views, view) != views.end(); }

Layout::Layout(const Shape& shape) : d(shape.d), views(shape.views), norm(shape.norm) {
  const std::array<std::int64_t, branches> widths{d, shape.d_text, shape.d_image};
  for (std::size_t m = 0; m < branches; ++m) {
    auto& b = branch[m];
    const std::string suffix = std::string("_") + "dtv"[m];
    b.width = widths[m];
    b.A = add("A" + suffix, d, b.width);
    b.a = add("a" + suffix, 1, d);
    if (layer_norm()) {
      b.ln_w = add("ln_w" + suffix, 1, d);
      b.ln_b = add("ln_b" + suffix, 1, d);
    }
    if (!has(View::gate)) continue;
    b.G = add("G" + suffix, d, d);
    b.g = add("g" + suffix, 1, d);
  }
  if (has(View::mlp)) {
    W1 = add("W1", 2 * d, 3 * d);
    b1 = add("b1", 1, 2 * d);
    W2 = add("W2", d, 2 * d);
    b2 = add("b2", 1, d);
  }
  if (has(View::gate)) {
    W_o = add("W_o", d, 3 * d);
    b_o = add("b_o", 1, d);
  }
}

double Problem::forward_flops() const {
  return 2 * double(items) * (encoders(layout) + above_encoders(layout));
}
double Problem::backward_flops() const {
  const double d = double(layout.d);
  return 2 * double(items) * (2 * encoders(layout) + 3 * above_encoders(layout) + d * d);
}
double Problem::forward_bytes() const {
  const double in =
                   double(layout.branch[0].width + layout.branch[1].width + layout.branch[2].width),
               out = double(layout.views.size()) * double(layout.d);
  return 4 * (double(items) * (in + out) + double(layout.size));
}
double Problem::backward_bytes() const {
  return forward_bytes() + 4 * (double(items) * double(layout.d) + double(layout.size));
}

}  // namespace fedfuse::views
