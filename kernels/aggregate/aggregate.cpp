#include "kernels/aggregate/aggregate.hpp"

#include <array>
#include <numeric>

namespace fedfuse::aggregate {

std::int64_t Problem::total_weight() const { return std::accumulate(weight, weight + clients, std::int64_t(0)); }

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
  static constexpr std::array<Variant, 4> table{{
      {"cpu-row-locks", "fixed point, OpenMP over clients, striped row locks", false, cpu_row_locks},
      {"cpu-atomics", "fixed point, OpenMP over clients, one atomic addition a number", false, cpu_atomics},
      {"float-order-dependent", "float sums under a lock: what most systems do; the bits change with the order", true, float_order_dependent},
      {"reference", "every client's whole table, double", true, reference},
  }};
  return table;
}

}  // namespace fedfuse::aggregate
