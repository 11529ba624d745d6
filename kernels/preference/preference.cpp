#include "kernels/preference/preference.hpp"

#include <array>

#include "kernels/preference/preference_gpu.hpp"

namespace fedfuse::preference {
namespace {
using gpu::Runs;
constexpr double of_float = 0x1p-24, of_half = 0x1p-11;
bool any(const Problem&) { return true; }
constexpr std::array<Variant, 7> table{{
    {.name = "cpu",
     .what = "R4: items in blocks of 256, one thread a block",
     .run = run_cpu,
     .runs = Runs::everywhere,
     .serves = any,
     .rounding = of_float},
    {.name = "cuda-fused",
     .what = "R4: half features read once, two products on tensor cores, groups in the epilogue",
     .run = cuda_fused,
     .runs = Runs::on_device,
     .serves = serves_fused,
     .rounding = of_half},
    {.name = "cuda-blas",
     .what = "R4: cuBLAS' products in half precision, T and c stored, an epilogue for the groups",
     .run = cuda_blas,
     .runs = Runs::on_device_with_blas,
     .serves = serves_blas,
     .rounding = of_half},
    {.name = "cuda-naive",
     .what = "the paper's order of operations, a block an item and group",
     .run = cuda_naive,
     .runs = Runs::on_device,
     .serves = any,
     .rounding = of_float},
    {.name = "emulated-fused",
     .what = "cuda-fused's source on the CPU: for proof",
     .run = emulated_fused,
     .runs = Runs::for_proof,
     .serves = serves_fused,
     .rounding = of_half},
    {.name = "emulated-blas",
     .what = "cuda-blas's kernels on the CPU, plain products: for proof",
     .run = emulated_blas,
     .runs = Runs::for_proof,
     .serves = serves_blas,
     .rounding = of_half},
    {.name = "emulated-naive",
     .what = "cuda-naive's source on the CPU: for proof",
     .run = emulated_naive,
     .runs = Runs::for_proof,
     .serves = any,
     .rounding = of_float},
}};
}  // namespace

std::span<const Variant> variants() { return table; }

double Problem::flops() const {
  const double D = double(d), G = double(groups), width = double(d_text + d_image);
  const double item = 2 * D * width + 8 * D * D + 8 * D * G;
  const double group = 2 * D * double(d_group) + 4 * D * D + 4 * D * D;  // a_l, v_l
  return double(items) * item + G * group;
}

double Problem::bytes() const {
  const double D = double(d), G = double(groups), width = double(d_text + d_image);
  const double item =
      4 * width + 4 * G + (d_text > 0 && has_text ? 1 : 0) + (d_image > 0 && has_image ? 1 : 0);
  const double weights =
      D * double(d_group) + D * width + 8 * D * D + 7 * D + G * (double(d_group) + D + 1);
  return double(items) * item + 4 * weights;
}

double Problem::tolerance() const {
  constexpr double epsilon = 0x1p-23, slope = 0.25, safety = 2;  // of float; of the sigmoid at 0
  return safety * slope * epsilon * double(d_text + d_image + d_group + 5 * d);
}

}  // namespace fedfuse::preference
