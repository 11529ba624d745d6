#pragma once
// The views on a device. Rows (items) are cut into blocks of fixed size; a block's gradient of the
// operators is summed in floats, in one order, and the blocks are added in two 64-bit words a
// number, x = high 2^-16 + low 2^-60 (as ExactSum): no order of blocks, chunks or
// ranks changes a bit. Callers bring dL/dF near 1 by a power of two first: a part of size 1 keeps
// its 24 bits, and so does one of size 2^-36.
#include <cstdint>
#include <memory>
#include <span>

#include "core/gpu/device.hpp"
#include "kernels/dense/adam.hpp"
#include "kernels/views/views.hpp"

namespace fedfuse::views {

// whose gradient is one float a parameter; chunks and ranks take whole blocks
inline constexpr std::int64_t block_items = 512;
// rows at work at once: enough tiles for 132 multiprocessors
inline constexpr std::int64_t usual_chunk = std::int64_t(64) * 512;
// |x| of a block's part must be smaller
inline constexpr float part_limit = 0x1p30f;
// that can be added without overflow
inline constexpr std::int64_t most_blocks = std::int64_t(1) << 16;

// Everything a launch needs; pointers are to the first row of the chunk, on the device.
struct GpuChunk {
  std::int64_t rows = 0;
  std::array<const float*, branches> features{};
  // floats from row to row: a multiple of 4, padded with zeros
  std::array<std::int64_t, branches> pitch{};
  std::array<const std::uint8_t*, branches> has{};
  // as the layout; each matrix transposed in its place
  const float *parameters = nullptr, *transposed = nullptr;
  std::array<float*, branches> views{};  // F_j to write, or dL/dF_j to read
  // dL/dF_j are multiplied by it; dL/dD by its inverse
  float scale = 1.0f, unscale = 1.0f;
  // scratch: rows x 3d, 3, 2d, 3d; gradients of the same; blocks x layout.size
  float *y = nullptr, *x = nullptr, *inverse_sd = nullptr, *h = nullptr, *s = nullptr;
  float *dx = nullptr, *dh = nullptr, *ds = nullptr, *partial = nullptr;
  float* grad_D = nullptr;        // rows x d, written
  std::int64_t* words = nullptr;  // 2 x layout.size: all high, then all low; added to
  // set to 1 when a part is not finite or not below part_limit: the sums are then worth nothing
  std::int32_t* misfit = nullptr;
};

// One step of an optimizer, as kernels/dense/optimizer.hpp: sgd, whose rate stands in the factors,
// or Adam.
struct GpuStep {
  std::int64_t n = 0;
  float *values = nullptr, *m = nullptr, *v = nullptr;  // m null: sgd
  const float* gradient = nullptr;
  const std::int64_t* words = nullptr;  // or a sum as above, times factor
  double factor = 1.0;
  AdamFactors factors;
};

// All asynchronous on the stream.
template <class Platform>
struct Launch {
  static void transpose_weights(const Layout& layout, const float* parameters, float* transposed,
                                const gpu::Stream& stream);
  static void forward(const Layout& layout, const GpuChunk& chunk, const gpu::Stream& stream);
  static void backward(const Layout& layout, const GpuChunk& chunk, const gpu::Stream& stream);
  // *most <- max(*most, bits of |x|): bits order as numbers do, infinity and NaN above all.
  static void largest(const float* x, std::int64_t n, std::uint32_t* most,
                      const gpu::Stream& stream);
  static void step(const GpuStep& step, const gpu::Stream& stream);
};
template <>
void Launch<gpu::Cuda>::transpose_weights(const Layout&, const float*, float*, const gpu::Stream&);
template <>
void Launch<gpu::Cuda>::forward(const Layout&, const GpuChunk&, const gpu::Stream&);
template <>
void Launch<gpu::Cuda>::backward(const Layout&, const GpuChunk&, const gpu::Stream&);
template <>
void Launch<gpu::Cuda>::largest(const float*, std::int64_t, std::uint32_t*, const gpu::Stream&);
template <>
void Launch<gpu::Cuda>::step(const GpuStep&, const gpu::Stream&);
template <>
void Launch<gpu::Emulated>::transpose_weights(const Layout&, const float*, float*,
                                              const gpu::Stream&);
template <>
void Launch<gpu::Emulated>::forward(const Layout&, const GpuChunk&, const gpu::Stream&);
template <>
void Launch<gpu::Emulated>::backward(const Layout&, const GpuChunk&, const gpu::Stream&);
template <>
void Launch<gpu::Emulated>::largest(const float*, std::int64_t, std::uint32_t*, const gpu::Stream&);
template <>
void Launch<gpu::Emulated>::step(const GpuStep&, const gpu::Stream&);

// Which items are this rank's: [first, first + rows) of `all`; first is a multiple of block_items.
struct MyItems {
  std::int64_t all = 0, first = 0, rows = 0;
};

// The operators and the items on a device, between rounds. D and its moments whole; features and
// views of this rank's items only.
class OnDevice {
 public:
  // features, has: on the host, of all items. moments: Adam's. chunk: rows, a multiple of
  // block_items.
  OnDevice(const std::shared_ptr<gpu::Device>& device, const Layout& layout, const MyItems& mine,
           const std::array<const float*, branches>& features,
           const std::array<const std::uint8_t*, branches>& has, bool moments,
           std::int64_t chunk = usual_chunk);
  // What the constructor allocates.
  [[nodiscard]] static std::int64_t bytes(const Layout& layout, const MyItems& mine, bool moments,
                                          std::int64_t chunk = usual_chunk);

  // Asynchronous, on stream(). Forward: views(j) from the operators and D. Backward: views(j) holds
  // dL/dF_j; words(), rows of grad_D() and fits().
  void forward() { forward(stream_); }
  void backward(float scale, float unscale) { backward(scale, unscale, stream_); }
  void forward(const gpu::Stream& on);
  void backward(float scale, float unscale, const gpu::Stream& on);
  // |dL/dF| of this rank's rows; waits. Not finite when one is not
  [[nodiscard]] float largest();
  // The same of the operators, D and their moments.
  [[nodiscard]] float largest_of_state();
  [[nodiscard]] bool fits() const;  // after backward; waits
  // One step, with words() and grad_D() as they are now.
  void step(double factor, const AdamFactors& operators, const AdamFactors& table);

  [[nodiscard]] const gpu::Stream& stream() const { return stream_; }
  [[nodiscard]] const MyItems& mine() const { return mine_; }
  gpu::Buffer<float>& view(std::size_t j) { return views_[j]; }
  // The state: parameters (layout.size) and D (M x d), and with Adam their moments.
  struct State {
    gpu::Buffer<float> values, m, v;
  };
  State& operators() { return operators_; }
  State& table() { return table_; }
  void weights_changed() { transposed_is_new_ = false; }
  gpu::Buffer<float>& grad_D() { return grad_D_; }  // M x d
  gpu::Buffer<std::int64_t>& words() { return words_; }

 private:
  [[nodiscard]] GpuChunk chunk(std::int64_t first) const;
  [[nodiscard]] float largest_of(std::span<const gpu::Buffer<float>* const> buffers);
  void place_features(const std::array<const float*, branches>& features,
                      const std::array<const std::uint8_t*, branches>& has);
  void need_transposed(const gpu::Stream& on);

  Layout layout_;
  MyItems mine_;
  std::int64_t chunk_;
  gpu::Stream stream_;
  State operators_, table_;
  std::array<gpu::Buffer<float>, branches> features_, views_;
  std::array<gpu::Buffer<std::uint8_t>, branches> has_;
  gpu::Buffer<float> transposed_, grad_D_, y_, x_, inverse_sd_, h_, s_, dx_, dh_, ds_, partial_;
  gpu::Buffer<std::int64_t> words_;
  gpu::Buffer<std::int32_t> misfit_;
  gpu::Buffer<std::uint32_t> most_;
  bool transposed_is_new_ = false;
};

}  // namespace fedfuse::views
