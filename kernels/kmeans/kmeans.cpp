#include "kernels/kmeans/kmeans.hpp"

#include <array>

namespace fedfuse::kmeans {

double Nearest::flops() const {
  return double(count) * double(columns) * (1.0 + 2.0 * double(groups));
}
double Nearest::bytes() const {
  return double(count) * (4.0 * double(columns) + 4.0) +
         8.0 * double(columns) * (1.0 + double(groups));
}

double Step::flops() const {
  return double(count) * double(columns) * (3.0 * double(groups) + 1.0);
}
double Step::bytes() const {
  return double(count) * (8.0 * double(columns) + 4.0) +
         2.0 * 8.0 * double(columns) * double(groups);
}

std::span<const NearestVariant> nearest_variants() {
  using gpu::Runs;
  static constexpr std::array<NearestVariant, 4> table{{
      {"cpu", "double, OpenMP over points, all groups of a point at once", nearest_cpu,
       Runs::everywhere},
      {"reference", "double, a score after the other", nearest_reference, Runs::everywhere},
      {"cuda", "double sums of float points, tiles of points and columns in shared memory",
       nearest_cuda, Runs::on_device},
      {"emulated", "cuda's source on the CPU: for proof", nearest_emulated, Runs::for_proof},
  }};
  return table;
}

std::span<const StepVariant> step_variants() {
  using gpu::Runs;
  static constexpr std::array<StepVariant, 4> table{{
      {"cpu", "double, products of blocks of points with the centres; sums in order", step_cpu,
       Runs::everywhere},
      {"reference", "double, a distance after the other", step_reference, Runs::everywhere},
      {"cuda", "distances in double, sums of members in 64-bit fixed point", step_cuda,
       Runs::on_device},
      {"emulated", "cuda's source on the CPU: for proof", step_emulated, Runs::for_proof},
  }};
  return table;
}

}  // namespace fedfuse::kmeans
