#pragma once
// Ranks on a device by counting (R5, R2). Served: linear heads, shared or private; mlp and neumf
// heads that are shared; views, base, own rows, dropped and excluded items; full and sampled
// evaluation. Not served: private hidden heads (2 d^2 a score, nothing shared), neumf with d > 128.
//
//   linear  s_ui = b_u + sum over k of g_u[k] f_i[k]   g_u = omega_up w_u, plane after plane, f_i =
//           the planes' rows of i
//   mlp   s_ui = b + sum over o of w[o] max(a_u[o] + sum over p of omega_up H_p[i, o], 0)   H_p =
//         F_p W_z^T, a_u = W_u u + b1
//           one plane, omega = 1: max(a + h, 0) = max(h, -a) + a, so s_ui = (b + w . a_u) + sum
//             over o of w[o] max(H[i, o], -a_u[o])
//   neumf   s_ui = b + sum over k of g_u[k] f_i[k] + w . tower(a_u + sum over p of omega_up
//           H_p[i]), g_u over w u2, a and H of W1: rank_tower.cu
//   A group prior is G columns more of the items and of the clients: a_u . L[i], after the linear
//   part; under mlp after all units.
//
// First every item is counted with its shared row, then what that got wrong is corrected: own rows,
// dropped and excluded items. So that this is exact, a score is one chain of operations in one
// order wherever it is computed. Sampled evaluation counts the listed candidates only. Floors:
// linear 2 K FLOP a score, K = planes x d; mlp with one plane 2 d instructions (3 d FLOP), with
// more planes (planes + 2) d; neumf d^2 + d^2 / 4 FLOP in its tower; bytes: both
// tables once a block of 128 x 128 scores, from L2: (K / 64 + small) floats a score.
#include <cstdint>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "core/gpu/device.hpp"
#include "kernels/rank/rank.hpp"

namespace fedfuse::rank {

// A block counts tiles of 128 clients x 128 items, 16 k at a time.
inline constexpr int block_clients = 128, block_items = 128, block_depth = 16;
inline constexpr int most_hidden_planes = 4;  // of an mlp head: three views and a base
inline constexpr int most_tower_d = 128;      // of a neumf head
[[nodiscard]] constexpr std::int64_t whole(std::int64_t n, std::int64_t of) {
  return (n + of - 1) / of * of;
}

// Lists of items of the clients, one after the other: those of client u are ids[begin[u]] ..
// ids[begin[u + 1] - 1].
struct GpuLists {
  const std::int64_t* begin = nullptr;
  const std::int32_t* ids = nullptr;
};

// Every pointer is into the device. Tables that end in _k are k-major: a row of numbers of all
// items, or of all clients, for each k; their padding is zero, or of zero rows. What is not const
// is scratch that the kernels fill.
struct GpuRank {
  HeadLayout head;
  // what all clients share
  std::int64_t items = 0;
  int width = 0, views = 1, planes = 1;
  bool rows_add = false;                  // own rows: add, else replace
  bool sampled = false;                   // candidates are listed
  const float* view[max_views + 1] = {};  // planes: F_j, then base; items x width
  int prior_groups = 0;                   // G; 0: no prior
  const float* prior = nullptr;           // L: items x G
  // the last d columns of the planes for linear and neumf, then the prior's: depth() x
  // padded_items()
  float* items_k = nullptr;
  // mlp, neumf: H, unit after unit, its planes together, units() planes x padded_items()
  float* hidden_k = nullptr;
  const float* theta = nullptr;  // of client u at theta + u theta_stride; stride 0: shared
  std::int64_t theta_stride = 0;
  const std::int32_t* excluded = nullptr;  // ascending
  std::int64_t excluded_count = 0;
  // what each client has
  std::int64_t clients = 0, own_count = 0;
  const float* user = nullptr;         // clients x head.user
  const float* omega = nullptr;        // clients x planes
  const float* shares = nullptr;       // a: clients x G
  const std::int32_t* held = nullptr;  // clients x 2: valid, test; -1: none
  GpuLists own, dropped, listed;       // ascending but listed
  const float* own_rows = nullptr;     // own_count x width, one an element of own
  float* clients_k = nullptr;          // g, then shares: depth() x padded_clients()
  // mlp, neumf: a, units() x padded_clients(); -a for an mlp head over one plane
  float* units_k = nullptr;
  float* own_k = nullptr;      // mlp, neumf: own rows through W_z, units() x padded_own()
  float* bias = nullptr;       // clients: what a score starts with
  float* threshold = nullptr;  // out, clients x 2: scores of the held-out items
  // out, clients x 4: above and at valid, above and at test; zero before
  std::int32_t* count = nullptr;

  [[nodiscard]] constexpr bool has_linear() const { return head.linear_part; }
  [[nodiscard]] constexpr bool has_hidden() const { return head.hidden_part; }
  [[nodiscard]] constexpr int linear_columns() const { return has_linear() ? planes * head.d : 0; }
  [[nodiscard]] constexpr int columns() const { return linear_columns() + prior_groups; }
  [[nodiscard]] constexpr std::int64_t depth() const { return whole(columns(), block_depth); }
  [[nodiscard]] constexpr std::int64_t units() const {
    return has_hidden() ? whole(head.d, block_depth) : 0;
  }
  [[nodiscard]] constexpr std::int64_t padded_items() const { return whole(items, block_items); }
  [[nodiscard]] constexpr std::int64_t padded_clients() const {
    return whole(clients, block_clients);
  }
  [[nodiscard]] constexpr std::int64_t padded_own() const { return whole(own_count, block_items); }
};

// What the device holds for a problem of this shape (pointers are not read); ids: items in all
// lists.
[[nodiscard]] std::int64_t table_bytes(const GpuRank& shape);
[[nodiscard]] std::int64_t batch_bytes(const GpuRank& shape, std::int64_t ids);
// Whether the kernels take such a head over so many planes. clients_share_head: theta_stride is 0.
[[nodiscard]] bool serves(const HeadLayout& head, int planes, int width, bool clients_share_head);
[[nodiscard]] bool served_on_device(const Problem& problem);

// Asynchronous on the stream. prepare: tables of the items; own, user and client tables are made by
// count. splits: blocks that share the items of one block of clients.
template <class Platform>
void prepare_linear(const GpuRank& rank, const gpu::Stream& stream);
template <class Platform>
void prepare_hidden(const GpuRank& rank, const gpu::Stream& stream);
template <class Platform>
void weigh_clients(const GpuRank& rank, const gpu::Stream& stream);  // clients_k and bias
template <class Platform>
void count_linear(const GpuRank& rank, int splits, const gpu::Stream& stream);
template <class Platform>
void count_mlp(const GpuRank& rank, int splits, const gpu::Stream& stream);
template <class Platform>
void count_neumf(const GpuRank& rank, const gpu::Stream& stream);
template <>
void prepare_linear<gpu::Cuda>(const GpuRank&, const gpu::Stream&);
template <>
void prepare_linear<gpu::Emulated>(const GpuRank&, const gpu::Stream&);
template <>
void prepare_hidden<gpu::Cuda>(const GpuRank&, const gpu::Stream&);
template <>
void prepare_hidden<gpu::Emulated>(const GpuRank&, const gpu::Stream&);
template <>
void weigh_clients<gpu::Cuda>(const GpuRank&, const gpu::Stream&);
template <>
void weigh_clients<gpu::Emulated>(const GpuRank&, const gpu::Stream&);
template <>
void count_linear<gpu::Cuda>(const GpuRank&, int, const gpu::Stream&);
template <>
void count_linear<gpu::Emulated>(const GpuRank&, int, const gpu::Stream&);
template <>
void count_mlp<gpu::Cuda>(const GpuRank&, int, const gpu::Stream&);
template <>
void count_mlp<gpu::Emulated>(const GpuRank&, int, const gpu::Stream&);
template <>
void count_neumf<gpu::Cuda>(const GpuRank&, const gpu::Stream&);
template <>
void count_neumf<gpu::Emulated>(const GpuRank&, const gpu::Stream&);

// Device memory of different types that lives as long as this.
class DeviceArrays {
 public:
  template <class T>
  T* make(const gpu::Stream& stream, std::int64_t n) {
    auto& list = std::get<std::vector<gpu::Buffer<T>>>(lists_);
    return list.emplace_back(stream.shared_device(), std::size_t(n)).data();
  }
  template <class T>
  const T* put(
      const gpu::Stream& stream,
      std::span<const T> values) {  // asynchronous: values stay until the stream is synchronised
    T* to = make<T>(stream, std::int64_t(values.size()));
    std::get<std::vector<gpu::Buffer<T>>>(lists_).back().copy_in(values, stream);
    return to;
  }

 private:
  std::tuple<std::vector<gpu::Buffer<float>>, std::vector<gpu::Buffer<std::int32_t>>,
             std::vector<gpu::Buffer<std::int64_t>>>
      lists_;
};

// What all clients share, on a device.
class DeviceTables {
 public:
  // Returns after the copies. sampled: of the clients to come. InputError: not served.
  DeviceTables(const gpu::Stream& stream, const Model& model, bool sampled);
  void prepare(const gpu::Stream& stream) const;
  void forget_views(const gpu::Stream& stream);  // after the last prepare
  [[nodiscard]] const GpuRank& part() const { return part_; }

 private:
  GpuRank part_;
  DeviceArrays views_, tables_;
};

// Some clients on the device of the tables, which must outlive it.
class DeviceBatch {
 public:
  // returns after the copies
  DeviceBatch(const gpu::Stream& stream, const DeviceTables& tables,
              std::span<const Client> clients);
  // from zero
  void count(const gpu::Stream& stream);
  // the problem's clients are the batch's
  void finish(const gpu::Stream& stream, const Problem& problem, std::span<Ranks> out) const;

 private:
  GpuRank rank_;
  int splits_ = 1;
  DeviceArrays arrays_;
  gpu::Buffer<std::int32_t> count_;
  gpu::Buffer<float> threshold_;
};

// What a batch of more than one client holds at most; listed: items in lists other than those of
// own rows.
struct BatchLimits {
  std::int64_t clients = 32768, own_rows = 1 << 19, listed = 1 << 24;
};

// An evaluation: tables are sent and prepared once, clients go in batches. How they are cut decides
// nothing.
class DeviceRanker {
 public:
  // InputError: not served.
  DeviceRanker(const std::shared_ptr<gpu::Device>& device, const Model& model, bool sampled,
               const BatchLimits& limits = {});
  void run(std::span<const Client> clients, std::span<Ranks> out) const;

 private:
  gpu::Stream stream_;
  Model model_;
  DeviceTables tables_;
  BatchLimits limits_;
};

// A whole problem on a device, for benchmarks: a launch is all that an evaluation does there.
class OnDevice {
 public:
  // InputError: not served
  OnDevice(const std::shared_ptr<gpu::Device>& device, const Problem& problem);
  void launch(const gpu::Stream& stream);

 private:
  gpu::Stream stream_;
  DeviceTables tables_;
  DeviceBatch batch_;
};

// From host memory and back: rows of the table of variants. InputError: not served.
void cuda(const Problem& problem, std::span<Ranks> out);
void emulated(const Problem& problem, std::span<Ranks> out);

}  // namespace fedfuse::rank
