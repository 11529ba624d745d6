#pragma once
// Rows of a table on a device, one after the other:
//
//   to[i] = from[rows[i]],  0 <= i < count;  a row has `width` floats
//
// What leaves a device in one copy although it does not stand in one place: the private numbers of
// some clients. Floor: bytes, 8 width + 4 a row.
#include <cstdint>

#include "core/gpu/device.hpp"

namespace fedfuse::gather {

struct Problem {
  std::int64_t count = 0, width = 0;
  const float* from = nullptr;         // tables x width
  const std::int32_t* rows = nullptr;  // count
  float* to = nullptr;                 // count x width
  [[nodiscard]] double bytes() const { return double(count) * (8.0 * double(width) + 4.0); }
};

void reference(const Problem& problem);  // in host memory

// Pointers into the device. Asynchronous on the stream.
template <class Platform>
void gather_rows(const Problem& problem, const gpu::Stream& stream);
template <>
void gather_rows<gpu::Cuda>(const Problem&, const gpu::Stream&);
template <>
void gather_rows<gpu::Emulated>(const Problem&, const gpu::Stream&);

}  // namespace fedfuse::gather
