#pragma once
// Row updates into a shared 64-bit fixed-point table on a device (R7). Every variant gives the
// integers that the CPU gives.
//
// Floors, an update of width d: bytes 4 d + 4 read once, and what reaches the table. `atomics`: 8 d
// bytes read and written in L2 for every update. `sorted`: updates are brought into the order of
// their rows (a counting sort of indices, 4 bytes an update), and a warp adds a run of equal rows
// in registers: the table is touched once a run.
#include <cstdint>

#include "core/gpu/device.hpp"
#include "kernels/aggregate/aggregate.hpp"

namespace fedfuse::aggregate {

// Device pointers; entry e of client u, e in [offsets[u], offsets[u + 1]), is row ids[e] and floats
// delta[e * width ...].
struct GpuUpdates {
  std::int64_t rows = 0;  // M
  int width = 0;
  std::int64_t count = 0;                  // entries, the first is 0; `sorted`: below 2^31
  const std::int32_t* ids = nullptr;       // count; negative: no update (a client's unused room)
  const float* delta = nullptr;            // count x width
  const std::int32_t* owner = nullptr;     // count: client of each entry
  const std::int64_t* weight = nullptr;    // of each client
  double scale = 0;                        // FixedPoint's: a power of two
  float limit = float(FixedPoint::limit);  // FixedPoint's largest: |x| must be below it
  // of each client, instead: tables of different weight; null: scale
  const double* scale_of = nullptr;
  std::int64_t* sums = nullptr;  // rows x width, added to
  // rows, added to: the weight of the clients that touched each; null: not summed
  std::int64_t* row_weight = nullptr;
  float* float_sums = nullptr;  // of the float opponent: rows x width
  float inverse_total = 0;      // of the float opponent: 1 / W
  // of each client: the bits of the largest |x| that is not finite or not below the limit, above
  // infinity's when it is a NaN; else left at 0. Then the sums are worth nothing.
  std::int32_t* misfit = nullptr;
};

enum class GpuMethod { atomics, sorted, float_atomics };

// Bytes that a launch moves at the least: ids and deltas once, and of the sums, read and written, a
// row for every update; `sorted`: every touched row once; by counts an id and a weight for every
// update. owner, the clients' numbers and the
// sort's own words are not counted.
[[nodiscard]] double launch_bytes(GpuMethod method, const Problem& problem);

// Scratch of `sorted`, in 32-bit words, for `count` entries into `rows` rows: the rows' places, a
// cursor, the order.
[[nodiscard]] inline std::int64_t sort_scratch(std::int64_t rows, std::int64_t count) {
  return rows + 1 + count;
}

// One vector a client, all into one sum: heads. sums[k] += sum over c of weight_c values[c][k].
struct GpuVectors {
  std::int64_t count = 0, width = 0;
  const float* values = nullptr;         // count x width
  const std::int64_t* weight = nullptr;  // count
  double scale = 0;                      // as in GpuUpdates
  std::int64_t* sums = nullptr;          // width
  std::int32_t* misfit = nullptr;        // count, as in GpuUpdates
  float limit = float(FixedPoint::limit);
};
template <class Platform>
void add_vectors(const GpuVectors& vectors, const gpu::Stream& stream);
template <>
void add_vectors<gpu::Cuda>(const GpuVectors&, const gpu::Stream&);
template <>
void add_vectors<gpu::Emulated>(const GpuVectors&, const gpu::Stream&);

// What local_train left in its buffer: the rows of client c in view j at (views begin[c] + j
// slots[c]) width, its items at begin[c].
struct GpuUploads {
  int count = 0, views = 1, width = 0;
  const std::int64_t* begin = nullptr;  // count + 1
  const std::int32_t *slots = nullptr, *items = nullptr;
  std::int64_t rows = 0;  // M
  // of client c: its first view is for rows table M ..., negative: nowhere. Null: view j is for
  // table j
  const std::int32_t* table = nullptr;
};
// ids and owner of all views begin[count] entries of that buffer, unused room included.
template <class Platform>
void address_updates(const GpuUploads& uploads, std::int32_t* ids, std::int32_t* owner,
                     const gpu::Stream& stream);
template <>
void address_updates<gpu::Cuda>(const GpuUploads&, std::int32_t*, std::int32_t*,
                                const gpu::Stream&);
template <>
void address_updates<gpu::Emulated>(const GpuUploads&, std::int32_t*, std::int32_t*,
                                    const gpu::Stream&);
// Client c of J views: its first view <- -rate[c] * (sum of its views' gradients), what a group
// sums (models.md section 3). rate: of each client, on the device.
template <class Platform>
void fold_views(const GpuUploads& uploads, const float* rate, float* delta,
                const gpu::Stream& stream);
template <>
void fold_views<gpu::Cuda>(const GpuUploads&, const float*, float*, const gpu::Stream&);
template <>
void fold_views<gpu::Emulated>(const GpuUploads&, const float*, float*, const gpu::Stream&);

// Asynchronous on the stream. scratch: sort_scratch words when the method is `sorted`.
template <class Platform>
void add_updates(GpuMethod method, const GpuUpdates& updates, std::int32_t* scratch,
                 const gpu::Stream& stream);
template <>
void add_updates<gpu::Cuda>(GpuMethod, const GpuUpdates&, std::int32_t*, const gpu::Stream&);
template <>
void add_updates<gpu::Emulated>(GpuMethod, const GpuUpdates&, std::int32_t*, const gpu::Stream&);

// A whole problem on a device: the variants of the table, and benchmarks.
class OnDevice {
 public:
  OnDevice(const std::shared_ptr<gpu::Device>& device, GpuMethod method, const Problem& problem);
  void launch(const gpu::Stream& stream) const;  // adds to the sums once more
  // after one launch. InputError: a misfit
  void finish(const gpu::Stream& stream, double* next) const;

 private:
  Problem problem_;
  GpuMethod method_;
  FixedPoint fixed_;
  GpuUpdates updates_;
  gpu::Buffer<std::int32_t> ids_, owner_, misfit_, scratch_;
  gpu::Buffer<std::int64_t> weight_, sums_, row_weight_;
  gpu::Buffer<float> delta_, float_sums_;
};

}  // namespace fedfuse::aggregate
