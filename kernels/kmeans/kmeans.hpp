#pragma once
// k-means over the participants' prediction functions (models.md section 3, step 1; Lloyd, IEEE
// Trans. Inf. Theory 1982), two hot loops:
//
// nearest   g_i = argmin_g s_g + sum_j W_jg (x_ij - m_j),   W_jg = -2 c_gj / sd_j,  s_g = |c_g|^2;
//           ties: the lower group
//           = argmin_g |z_i - c_g|^2 of z_ij = (x_ij - m_j) / sd_j: heads in float as they were
//             uploaded, standardised on the way
//
// step      one iteration of Lloyd over points z in double:
//           g_i = argmin_g |z_i - c_g|^2,  D_i = min_g |z_i - c_g|^2;  ties: the lower group
//           every group without a member, in ascending order, takes the point of largest D among
//             groups of two or more (then D = 0)
//           c'_g = mean of the members of g,   inertia = sum_i D_i
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/gpu/device.hpp"

namespace fedfuse::kmeans {

struct Nearest {
  std::int64_t count = 0, columns = 0, groups = 0;  // N, p, G >= 1
  const float* points = nullptr;                    // x: N x p, finite
  const double* mean = nullptr;                     // m: p
  const double* weight = nullptr;                   // W: p x G
  const double* square = nullptr;                   // s: G

  // a subtraction a number; a multiplication and an addition a number and group
  [[nodiscard]] double flops() const;
  [[nodiscard]] double bytes() const;  // points, means, weights in; groups out
};

struct Step {
  std::int64_t count = 0, columns = 0, groups = 0;  // N >= G >= 1
  const double* points = nullptr;                   // z: N x p, finite
  const double* centres = nullptr;                  // c: G x p

  [[nodiscard]] double flops() const;  // three a number and group; an addition a number to the sums
  [[nodiscard]] double bytes() const;  // points and centres in; groups and means out
  static constexpr double tolerance = 1e-9;
};
struct StepResult {
  std::vector<std::int32_t> group;  // N; none is empty
  std::vector<double> centres;      // c': G x p
  double inertia = 0;
};

// group: N. The same bits for any number of threads, chunks and ranks; a tie within rounding may
// fall otherwise on another kind of device.
using NearestFunction = void (*)(const Nearest&, std::int32_t* group);
struct NearestVariant {
  std::string_view name, what;
  NearestFunction run;
  gpu::Runs runs;
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const NearestVariant> nearest_variants();
[[nodiscard]] inline const NearestVariant& nearest_production() {
  return nearest_variants().front();
}

using StepFunction = void (*)(const Step&, StepResult&);
struct StepVariant {
  std::string_view name, what;
  StepFunction run;
  gpu::Runs runs;
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const StepVariant> step_variants();
[[nodiscard]] inline const StepVariant& step_production() { return step_variants().front(); }

void nearest_reference(const Nearest& problem, std::int32_t* group);  // kmeans_ref.cpp
void step_reference(const Step& problem, StepResult& out);
void nearest_cpu(const Nearest& problem, std::int32_t* group);  // kmeans_cpu.cpp
void step_cpu(const Step& problem, StepResult& out);
// kmeans.cu on a device, and its source on the CPU; kmeans_gpu.cpp, points_gpu.cpp
void nearest_cuda(const Nearest& problem, std::int32_t* group);
void step_cuda(const Step& problem, StepResult& out);
void nearest_emulated(const Nearest& problem, std::int32_t* group);
void step_emulated(const Step& problem, StepResult& out);

// groups x columns means of the members, each sum in the order of the points; a group without
// members has a zero row.
[[nodiscard]] std::vector<double> means_of(const double* points, std::int64_t columns,
                                           std::span<const std::int32_t> group,
                                           std::int64_t groups);

}  // namespace fedfuse::kmeans
