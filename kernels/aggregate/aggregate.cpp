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
  return double(width) * (2.0 * double(updates()) + double(weighted) + 3.0 * double(items));
}

double Problem::bytes() const {
  const double an_update = 4.0 + width * (4.0 + 8.0 + 8.0);
  const double a_row = width * (8.0 + 4.0 + 8.0);
  return double(updates()) * an_update + double(items) * a_row;
}

std::span<const Variant> variants() {
  using gpu::Runs;
  static constexpr std::array<Variant, 10> table{{
      {"cpu-row-locks", "fixed point, threads over clients, striped row locks", false,
       cpu_row_locks, Runs::everywhere, add_row_locks},
      {"cpu-atomics", "fixed point, threads over clients, one atomic addition a number", false,
       cpu_atomics, Runs::everywhere, add_atomics},
      {"float-order-dependent",
       "float sums under a lock: what most systems do; the bits change with the order", true,
       float_order_dependent, Runs::everywhere},
      {"reference", "every client's whole table, double", true, reference, Runs::everywhere},
      {"cuda-sorted", "fixed point, counting sort by row, a run of one row in registers", false,
       cuda_sorted, Runs::on_device},
      {"cuda-atomics", "fixed point, a warp an update, one 64-bit atomic addition a number", false,
       cuda_atomics, Runs::on_device},
      {"cuda-float-atomics", "float atomics; the bits change from run to run", true,
       cuda_float_atomics, Runs::on_device},
      {"emulated-sorted", "cuda-sorted's source on the CPU: for proof", false, emulated_sorted,
       Runs::for_proof},
      {"emulated-atomics", "cuda-atomics' source on the CPU: for proof", false, emulated_atomics,
       Runs::for_proof},
      {"emulated-float-atomics", "cuda-float-atomics' source on the CPU: for proof", true,
       emulated_float_atomics, Runs::for_proof},
  }};
  return table;
}

}  // namespace fedfuse::aggregate
