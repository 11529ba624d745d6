#pragma once
// Ranks on a device by counting (R5): linear heads, shared or private; views, base, own rows, dropped and excluded items as in rank.hpp.
//
//   s_ui = b_u + sum over k of g_u[k] f_i[k]     g_u = omega_up w_u, plane after plane, f_i = the planes' rows of i; K = planes d numbers each
//
// First every item is counted with its shared row, then what that got wrong is corrected: own rows, dropped and excluded items. So that this is
// exact, a score is one chain of fused multiply-adds over k, in order, wherever it is computed. Floors: 2 K FLOP a score; bytes: both tables once a
// block of 128 x 128 scores, from L2: (K / 64 + small) floats a score.
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/gpu/device.hpp"
#include "kernels/rank/rank.hpp"

namespace fedfuse::rank {

// A block counts tiles of 128 clients x 128 items, 16 k at a time.
inline constexpr int block_clients = 128, block_items = 128, block_depth = 16;
[[nodiscard]] constexpr std::int64_t whole(std::int64_t n, std::int64_t of) { return (n + of - 1) / of * of; }

// Lists of items of the clients, one after the other: those of client u are ids[begin[u]] .. ids[begin[u + 1] - 1], ascending.
struct GpuLists {
  const std::int64_t* begin = nullptr;
  const std::int32_t* ids = nullptr;
};

// Every pointer is into the device. Padding of the two tables is zero.
struct GpuRank {
  std::int64_t clients = 0, items = 0;
  int d = 0, views = 1, planes = 1;
  bool rows_add = false;                  // own rows: add, else replace
  const float* view[max_views + 1] = {};  // planes: F_j, then base; M x d
  float* items_k = nullptr;               // scratch: depth() x padded_items()
  const float* clients_k = nullptr;       // g: depth() x padded_clients()
  const float* bias = nullptr;            // clients
  const float* weight = nullptr;          // w_u, clients x d
  const float* omega = nullptr;           // clients x planes
  GpuLists own, dropped;
  const float* own_rows = nullptr;  // one an element of own
  const std::int32_t* excluded = nullptr;
  std::int64_t excluded_count = 0;
  const std::int32_t* held = nullptr;  // clients x 2: valid, test; -1: none
  // out
  float* threshold = nullptr;     // clients x 2: scores of the held-out items
  std::int32_t* count = nullptr;  // clients x 4: above and at valid, above and at test; zero before
  [[nodiscard]] constexpr std::int64_t depth() const { return whole(std::int64_t(planes) * d, block_depth); }
  [[nodiscard]] constexpr std::int64_t padded_items() const { return whole(items, block_items); }
  [[nodiscard]] constexpr std::int64_t padded_clients() const { return whole(clients, block_clients); }
};

// Linear heads over a table d wide, no sampled evaluation.
[[nodiscard]] bool serves_linear(const Problem& problem);

// Asynchronous on the stream. splits: blocks that share the items of one block of clients.
template <class Platform>
void count_ranks(const GpuRank& rank, int splits, const gpu::Stream& stream);
template <>
void count_ranks<gpu::Cuda>(const GpuRank&, int, const gpu::Stream&);
template <>
void count_ranks<gpu::Emulated>(const GpuRank&, int, const gpu::Stream&);

// A whole problem on a device: the variants of the table, and benchmarks. InputError: not served.
class OnDevice {
 public:
  OnDevice(const std::shared_ptr<gpu::Device>& device, const Problem& problem);
  void launch(const gpu::Stream& stream);  // counts from zero
  void finish(const gpu::Stream& stream, const Problem& problem, std::span<Ranks> out) const;

 private:
  GpuRank rank_;
  int splits_ = 1;
  std::vector<gpu::Buffer<float>> floats_;
  std::vector<gpu::Buffer<std::int32_t>> ints_;
  std::vector<gpu::Buffer<std::int64_t>> offsets_;
  gpu::Buffer<std::int32_t> count_;
  gpu::Buffer<float> threshold_;
};

// From host memory and back: rows of the table of variants. InputError: not served.
void cuda(const Problem& problem, std::span<Ranks> out);
void emulated(const Problem& problem, std::span<Ranks> out);

}  // namespace fedfuse::rank
