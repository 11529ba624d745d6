#pragma once
// The rank of a held-out item h among the items that client u may be shown (models.md section 5; R5
// and R2):
//
//   rank(h) = 1 + #{i : s_i > s_h} + ceil( #{i : s_i = s_h} / 2 )   i over the candidates other
//     than h
//   candidates: all items but P_u (and the excluded ones); at test time the validation item is
//     dropped too
//   s_i = head(z_i; theta, u) (+ sum over l < G of a_l L_l[i])   with a group prior
//   z_i = sum_j omega_j F_j[i]                 no row of its own
//       = sum_j omega_j F_j[i] + P[i]          own row, rows add (FedRAP)      F_j: M x width
//       = P[i]                                 own row, rows replace (PFedRec)
//   without an own row, rows that add stand for base_scale base[i] where the model has a base
//   neumf with width d: z = [z; z]
//
// Scores are counted tile by tile, there is no score matrix. With a shared mlp or neumf head the
// item half of the first layer, H_j = F_j W^T, is computed once for all clients (R2). Scores that
// are not finite: an item whose own score is not a number ranks below every candidate; a candidate
// whose score is not a number counts for nothing.
#include <cstdint>
#include <span>
#include <string_view>

#include "core/gpu/device.hpp"
#include "model/head.hpp"

namespace fedfuse::rank {

inline constexpr int max_views = 8;
enum class OwnRows { none, replace, add };

struct Model {
  HeadLayout head;
  std::int64_t items = 0;  // M
  int views = 1;           // J <= max_views
  // of F_j, base and own rows: d, or 2d for a neumf head's own table
  int width = 0;
  const float* view[max_views] = {};  // F_j
  const float* theta = nullptr;       // shared head; null: every client has its own
  OwnRows own_rows = OwnRows::none;
  const float* base = nullptr;                  // M x width or null
  std::span<const std::int32_t> excluded = {};  // ascending; no client ranks them
  const float* prior = nullptr;                 // L: M x prior_groups; null: no group prior
  int prior_groups = 0;                         // G
};

struct Client {
  const float* theta = nullptr;  // head.theta; not read when the head is shared
  const float* user = nullptr;   // head.user
  const float* omega = nullptr;  // J; not read when J = 1, omega is 1 then
  float base_scale = 1.0f;
  std::span<const std::int32_t> row_ids = {};  // own rows, ascending
  const float* rows = nullptr;
  std::span<const std::int32_t> dropped = {};  // P_u, ascending
  std::int32_t valid = -1, test = -1;          // held-out items, -1: none
  const float* shares = nullptr;               // a: G; read with a prior
  // Sampled evaluation: rank among these (each once) and nothing else; `dropped` and `excluded` are
  // then not read.
  bool sampled = false;
  std::span<const std::int32_t> candidates = {};
};

struct Ranks {
  std::int32_t valid = 0, test = 0;  // 0: no such held-out item
  bool operator==(const Ranks&) const = default;
};

struct Problem {
  Model model;
  std::span<const Client> clients;
  [[nodiscard]] double flops() const;  // of the restructured form; multiply and add count 1 each
  [[nodiscard]] double bytes() const;  // compulsory: views, parameters and own rows in, ranks out
};

using Function = void (*)(const Problem&, std::span<Ranks> out);  // out: one entry a client
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
  bool (*serves)(const Problem&);  // InputError for what it does not serve
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

void cpu_tiles(const Problem& problem, std::span<Ranks> out);   // rank_cpu.cpp
void cpu_sorted(const Problem& problem, std::span<Ranks> out);  // rank_sorted.cpp
void reference(const Problem& problem, std::span<Ranks> out);   // rank_ref.cpp

}  // namespace fedfuse::rank
