#pragma once
// Preferences on a device. The formula is preference.hpp's (R4), the features are half precision
// and are read once.
//
// One product or two? c_i = [W_t A_t, W_v A_v] E[i] costs 4 d (d_t + d_v) FLOP an item; encoders
// first, then W, 2 d (d_t + d_v) + 8 d^2. Folding pays below d_t + d_v = 4 d. At d = 64, 512 + 512:
// 262 k against 164 k FLOP, and as much more traffic from shared memory: so two products, the
// result of the first being, in registers, the left operand of the second. Only the constants are
// folded: a_l + W_t a_t + W_v a_v, v_l = W_2^T w_l, w_l . b_2 + b_l; and, as max(a + c, 0) =
// max(c, -a) + a, v_l . a_l into the last.
#include <cstdint>
#include <memory>
#include <vector>

#include "core/gpu/device.hpp"
#include "core/gpu/gemm.hpp"
#include "kernels/preference/preference.hpp"

namespace fedfuse::preference {

using gpu::Half;
inline constexpr int tile_items = 16, unit_columns = 32;
// Registers decide: d = 128 holds twice as much a thread.
constexpr int most_threads(int d) { return d == 128 ? 256 : 384; }
// of the two halves of the 2d hidden outputs that a warp holds at a time
constexpr int halves_at_once(int d) { return d == 128 ? 1 : 2; }
inline constexpr int prepare_threads = 512;
// what an item reads that lacks a modality
inline constexpr int zero_halves = 4 * unit_columns;

// In device memory, rows of d_text and d_image, aligned to 16 bytes. In magnitude up to 65,504.
struct HalfFeatures {
  const Half *text = nullptr, *image = nullptr;
};

// The weights of both products, in units of d rows x 32 columns, in the order in which a tile of
// items meets them.
struct GpuPlan {
  int text_units = 0, image_units = 0;  // of the encoders
  int mixing_units = 0;                 // of W_t and W_v, for each half of the 2d outputs
  int threads = 0, blocks = 0;          // blocks stay and take tile after tile
  // all units fit the shared memory; else they stream through it
  bool resident = false;
  std::size_t shared_bytes = 0;
  [[nodiscard]] constexpr int units() const { return text_units + image_units + 2 * mixing_units; }
};

// Device memory for one call, beside the problem's arrays.
struct GpuScratch {
  Half* units = nullptr;  // unit_halves
  // of every group -a and v of every output, 4 d (place_of_output), aligned to 16 bytes; G
  float *table = nullptr, *constant = nullptr;
};
// plan.units() units, and zeros
[[nodiscard]] constexpr std::int64_t unit_halves(const GpuPlan& plan, std::int64_t d) {
  return plan.units() * d * unit_columns + zero_halves;
}
// Of -a; v stands two floats further: outputs g and g + 8 of 16 lie in one float4, as a lane takes
// them.
[[nodiscard]] constexpr int place_of_output(int output) {
  return (output / 16 * 8 + output % 8) * 4 + output / 8 % 2;
}

// n numbers on the device, rounded to half precision. Returns after the copy.
[[nodiscard]] gpu::Buffer<Half> in_half(const float* x, std::int64_t n, const gpu::Stream& stream);

// d 32, 64 or 128; G up to 64; d_text and d_image multiples of 8.
[[nodiscard]] bool serves_fused(const Problem& problem);
// d, d_text and d_image multiples of 8: rows of whole 16 bytes.
[[nodiscard]] bool serves_blas(const Problem& problem);
// InputError: the shape is not served.
[[nodiscard]] GpuPlan gpu_plan(const Problem& problem, const gpu::DeviceInfo& device);

// Every pointer of the problem is into the device; problem.text and .image are not read.
// Asynchronous on the stream.
template <class Platform>
void fused(const Problem& problem, const HalfFeatures& features, const GpuPlan& plan,
           const GpuScratch& scratch, const gpu::Stream& stream);
// The paper's order of operations, float features: the opponent.
template <class Platform>
void naive(const Problem& problem, const gpu::Stream& stream);
// cuBLAS' products between two kernels: the opponent of the restructured form. T and c are stored.
struct BlasScratch {
  GpuScratch groups;  // units: none
  // d x d_text, d x d_image, 2d x (d a modality)
  Half *text_encoder = nullptr, *image_encoder = nullptr, *mixing = nullptr;
  // T: M x (d a modality)
  Half* encoded = nullptr;
  // c: M x 2d; zero before when there is no modality
  float* mixed = nullptr;
};
template <class Platform>
void with_blas(const Problem& problem, const HalfFeatures& features, const BlasScratch& scratch,
               const gpu::Gemm& gemm, const gpu::Stream& stream);
template <>
void with_blas<gpu::Cuda>(const Problem&, const HalfFeatures&, const BlasScratch&, const gpu::Gemm&,
                          const gpu::Stream&);
template <>
void with_blas<gpu::Emulated>(const Problem&, const HalfFeatures&, const BlasScratch&,
                              const gpu::Gemm&, const gpu::Stream&);
template <>
void fused<gpu::Cuda>(const Problem&, const HalfFeatures&, const GpuPlan&, const GpuScratch&,
                      const gpu::Stream&);
template <>
void fused<gpu::Emulated>(const Problem&, const HalfFeatures&, const GpuPlan&, const GpuScratch&,
                          const gpu::Stream&);
template <>
void naive<gpu::Cuda>(const Problem&, const gpu::Stream&);
template <>
void naive<gpu::Emulated>(const Problem&, const gpu::Stream&);

// A whole problem on a device, its features in half precision (fused, blas) or float (naive): the
// variants of the table, and benchmarks.
class OnDevice {
 public:
  enum class Form { fused, blas, naive };
  // InputError: the form does not serve it
  OnDevice(const std::shared_ptr<gpu::Device>& device, Form form, const Problem& problem);
  void launch(const gpu::Stream& stream) const;
  void finish(const gpu::Stream& stream, const Problem& to) const;

 private:
  void put(const float*& array, std::int64_t n, const gpu::Stream& stream);
  void put_mask(const std::uint8_t*& mask, const gpu::Stream& stream);
  void make_room_for_blas(const std::shared_ptr<gpu::Device>& device, const gpu::Stream& stream);
  Form form_;
  Problem problem_;
  GpuPlan plan_;
  gpu::Gemm gemm_;
  std::vector<gpu::Buffer<float>> floats_;
  std::vector<gpu::Buffer<std::uint8_t>> masks_;
  gpu::Buffer<Half> text_, image_, units_, text_encoder_, image_encoder_, mixing_, encoded_;
  gpu::Buffer<float> pref_, table_, constant_, mixed_;
};

// From host memory and back: rows of the table of variants.
void cuda_fused(const Problem& problem);
void cuda_naive(const Problem& problem);
void cuda_blas(const Problem& problem);
void emulated_fused(const Problem& problem);
void emulated_blas(const Problem& problem);
void emulated_naive(const Problem& problem);

}  // namespace fedfuse::preference
