#include "kernels/aggregate/aggregate.hpp"

#include <array>
#include <numeric>

namespace fedfuse::aggregate {

std::int64_t Problem::total_weight() const {
  return std::accumulate(weight, weight + clients, std::int64_t(0));
}

Update Problem::update(std::int64_t u) const {
  return {{ids + offsets[u], std::size_t(offsets[u + 1] - offsets[u])},
          delta + offsets[u] * width,
          weight[u]};
}

double Problem::flops() const {
  std::int64_t weighted = 0;
  for (std::int64_t u = 0; u < clients; ++u)
    if (weight[u] != 1) weighted += offsets[u + 1] - offsets[u];
  const double counted = by_counts ? double(updates() + items) : 0.0;
  return double(width) * (2.0 * double(updates()) + double(weighted) + 3.0 * double(items)) +
         counted;
}

double Problem::bytes() const {
  const double a_weight = by_counts ? 8.0 : 0.0;
  const double an_update = 4.0 + width * (4.0 + 8.0 + 8.0) + 2 * a_weight;
  const double a_row = width * (8.0 + 4.0 + 8.0) + a_weight;
  return double(updates()) * an_update + double(items) * a_row;
}

std::span<const Variant> variants() {
  using gpu::Runs;
  static constexpr std::array<Variant, 10> table{{
      {.name = "cpu-row-locks",
       .what = "fixed point, threads over clients, striped row locks",
       .order_dependent = false,
       .run = cpu_row_locks,
       .runs = Runs::everywhere,
       .add = add_row_locks},
      {.name = "cpu-atomics",
       .what = "fixed point, threads over clients, one atomic addition a number",
       .order_dependent = false,
       .run = cpu_atomics,
       .runs = Runs::everywhere,
       .add = add_atomics},
      {.name = "float-order-dependent",
       .what = "float sums under a lock: what most systems do; the bits change with the order",
       .order_dependent = true,
       .run = float_order_dependent,
       .runs = Runs::everywhere},
      {.name = "reference",
       .what = "every client's whole table, double",
       .order_dependent = true,
       .run = reference,
       .runs = Runs::everywhere},
      {.name = "cuda-sorted",
       .what = "fixed point, counting sort by row, a run of one row in registers",
       .order_dependent = false,
       .run = cuda_sorted,
       .runs = Runs::on_device},
      {.name = "cuda-atomics",
       .what = "fixed point, a warp an update, one 64-bit atomic addition a number",
       .order_dependent = false,
       .run = cuda_atomics,
       .runs = Runs::on_device},
      {.name = "cuda-float-atomics",
       .what = "float atomics; the bits change from run to run",
       .order_dependent = true,
       .run = cuda_float_atomics,
       .runs = Runs::on_device},
      {.name = "emulated-sorted",
       .what = "cuda-sorted's source on the CPU: for proof",
       .order_dependent = false,
       .run = emulated_sorted,
       .runs = Runs::for_proof},
      {.name = "emulated-atomics",
       .what = "cuda-atomics' source on the CPU: for proof",
       .order_dependent = false,
       .run = emulated_atomics,
       .runs = Runs::for_proof},
      {.name = "emulated-float-atomics",
       .what = "cuda-float-atomics' source on the CPU: for proof",
       .order_dependent = true,
       .run = emulated_float_atomics,
       .runs = Runs::for_proof},
  }};
  return table;
}

}  // namespace fedfuse::aggregate
