#pragma once
// What GFMFR's teacher learns: the mean item table of each group's members, from the sum of their
// updates (models.md section 3; restructuring.md, R1):
//
//   C_l[i] = f_l0 S_l[i] + sum_j f_lj F_j[i],   1 <= j <= J
//
// S_l: the group's exact sum, in 64-bit integers (R7); f_l0 = (its unit) / (members of the group);
// F_j: the table or views that the clients started from; f_lj: what view j weighs in the group. In
// double, one product and then one fused multiply-add a view, in this order, rounded to float once:
// processors and devices have the same bits.
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/gpu/device.hpp"

namespace fedfuse::group_targets {

inline constexpr int most_views = 3;

// All pointers are into host memory, or all into a device's.
struct Problem {
  std::int64_t groups = 0, items = 0;
  int width = 0, views = 1;                     // views: J, 1 to most_views
  const std::int64_t* sums = nullptr;           // groups x items x width
  std::array<const float*, most_views> view{};  // J times items x width
  const double* factors = nullptr;              // groups x (1 + J)
  float* targets = nullptr;                     // groups x items x width

  [[nodiscard]] std::int64_t cells() const { return items * width; }  // of a table
  [[nodiscard]] double flops() const;                                 // a multiply-add counts 2
  [[nodiscard]] double bytes() const;  // sums and views in once, targets out
};

// Host memory.
using Function = void (*)(const Problem&);
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

void reference(const Problem& problem);  // group_targets_ref.cpp: long double, rounded once
void run_cpu(const Problem& problem);    // group_targets_cpu.cpp
void cuda(const Problem& problem);       // group_targets_gpu.cpp: there and back
void emulated(const Problem& problem);

// A problem with its arrays on a device, for the variants and for benchmarks.
class Resident {
 public:
  Resident(const std::shared_ptr<gpu::Device>& device, const Problem& host);
  void launch(const gpu::Stream& stream) const;  // asynchronous
  void fetch(float* targets) const;              // launches, and waits

 private:
  gpu::Stream stream_;
  gpu::Buffer<std::int64_t> sums_;
  gpu::Buffer<double> factors_;
  std::array<gpu::Buffer<float>, most_views> view_;
  gpu::Buffer<float> targets_;
  Problem there_;
};

// Memory of the device; items x width is a multiple of 4. Asynchronous on the stream.
template <class Platform>
void make_targets(const Problem& problem, const gpu::Stream& stream);
template <>
void make_targets<gpu::Cuda>(const Problem&, const gpu::Stream&);
template <>
void make_targets<gpu::Emulated>(const Problem&, const gpu::Stream&);

}  // namespace fedfuse::group_targets
