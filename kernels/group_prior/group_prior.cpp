#include "kernels/group_prior/group_prior.hpp"

#include <array>

namespace fedfuse::group_prior {
namespace {

using gpu::Runs;
constexpr std::array<Variant, 1> table{{
    {.name = "cpu",
     .what = "blocks of 128 items over threads, U packed once, gradients summed exactly",
     .run = run_cpu,
     .runs = Runs::everywhere,
     .logits = logits_cpu,
     .gradient = gradient_cpu},
}};

}  // namespace

std::span<const Variant> variants() { return table; }

std::size_t Layout::add(const std::string& name, std::int64_t rows, std::int64_t cols) {
  constexpr std::size_t line = 16;
  entries.push_back({name, rows, cols, size});
  size = (size + std::size_t(rows * cols) + line - 1) / line * line;
  return entries.back().at;
}

Layout::Layout(std::int64_t features, std::int64_t hidden, std::int64_t groups)
    : P(features), h(hidden), G(groups) {
  U = add("U", h, P);
  A = add("A", G, h);
  v = add("v", 1, h);
  V = add("V", G, h);
  b = add("b", 1, G);
}

double Problem::gradient_flops() const {
  const double P = double(layout.P), h = double(layout.h), G = double(layout.G);
  return double(items) * (4 * P * h + 8 * G * h);
}
double Problem::logits_flops() const {
  const double P = double(layout.P), h = double(layout.h), G = double(layout.G);
  return double(items) * (2 * P * h + 4 * G * h);
}
double Problem::gradient_bytes() const {
  return 4 * (double(items) * double(layout.P + layout.G) + 2 * double(layout.size));
}
double Problem::logits_bytes() const {
  return 4 * (double(items) * double(layout.P + layout.G) + double(layout.size));
}

}  // namespace fedfuse::group_prior
