#pragma once
// The participants' tables become the next shared table (models.md section 2; restructuring.md R1
// and R7):
//
//   C' = sum_u alpha_u C_u   C_u: client u's whole table, M x d
//      = keep C + 1/W sum_u n_u sum_{i touched by u} (C_u[i] - rho_u C[i]) 1_i     (R1)
//   alpha_u = n_u / W,  W = sum_u n_u,  keep = sum_u alpha_u rho_u,  rho_u = (1 - eta_I
//                       kappa)^steps
//
// or, by counts, with a rate of the server and over the clients that touched the row alone:
//
//   C'[i] = keep C[i] + eta_S / W_i sum_{u that touched i} n_u (C_u[i] - rho_u C[i])
//   W_i = sum_{u that touched i} n_u;   keep C[i] where W_i = 0
//
// in integers (R7):  S[i, k] += n_u round(x_k 2^bits),  x = C_u[i] - rho_u C[i],  |x| < 2^range
// so that any order of clients, threads and ranks gives the same bits. n_u is an integer.
#include <cstdint>
#include <span>
#include <string_view>

#include "core/gpu/device.hpp"
#include "kernels/aggregate/sums.hpp"

namespace fedfuse::aggregate {

// Flat arrays; client u's updates are entries [offsets[u], offsets[u + 1]) of ids and delta.
struct Problem {
  std::int64_t items = 0;  // M
  int width = 0;           // d
  std::int64_t clients = 0;
  const std::int64_t* offsets = nullptr;  // clients + 1
  const std::int32_t* ids = nullptr;      // rows that the client touched, each once
  const float* delta = nullptr;           // x: one row of `width` floats an id
  const std::int64_t* weight = nullptr;   // n_u >= 1
  const float* rho = nullptr;             // clients
  const float* table = nullptr;           // C: M x d
  bool by_counts = false;                 // the second rule
  double server_rate = 1.0;               // eta_S of it

  [[nodiscard]] std::int64_t updates() const { return offsets[clients] - offsets[0]; }
  [[nodiscard]] Update update(std::int64_t client) const;
  [[nodiscard]] std::int64_t total_weight() const;
  // scale, add and (n_u > 1) multiply an element; two an element of the new table
  [[nodiscard]] double flops() const;
  // deltas and ids in, sums in and out; then sums and table in, new table out
  [[nodiscard]] double bytes() const;
  static constexpr double tolerance = 1e-4;
};

// A client's rows into the sums. Threads of an OpenMP or parallel_for loop may call it at once.
// False, and nothing is added, when a value does not fit: no number, or |x| >= sums.point.largest.
using Add = bool (*)(Sums& sums, const Update& update);
// next: M x d, C'. Values that do not fit make InputError: the caller's training diverged.
using Function = void (*)(const Problem&, double* next);
struct Variant {
  std::string_view name, what;
  bool order_dependent;  // its bits depend on the order of clients and on the threads
  Function run;
  gpu::Runs runs;
  Add add = nullptr;  // `run` calls it for every client; null: it takes whole problems only
};
// First: the one that fedfuse uses on a CPU.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

// The naive dense form: every client's whole table in double. rows: clients x M x d, used where
// touched.
struct DenseClients {
  std::int64_t clients = 0, items = 0;
  int width = 0;
  const double *table = nullptr, *rho = nullptr, *alpha = nullptr, *rows = nullptr;
  const std::uint8_t* touched = nullptr;  // clients x M
  bool by_counts = false;                 // then alpha or n_u: their unit makes no difference
  double server_rate = 1.0;
};
void reference_dense(const DenseClients& in, double* next);

void reference(const Problem& problem, double* next);  // aggregate_ref.cpp
// aggregate_cpu.cpp; the next table from a loop of OpenMP over the clients
bool add_row_locks(Sums& sums, const Update& update);
bool add_atomics(Sums& sums, const Update& update);
void cpu_row_locks(const Problem& problem, double* next);
void cpu_atomics(const Problem& problem, double* next);
void float_order_dependent(const Problem& problem, double* next);  // aggregate_float.cpp
// aggregate.cu on a device, and its source on the CPU; aggregate_gpu.cpp
void cuda_atomics(const Problem& problem, double* next);
void cuda_sorted(const Problem& problem, double* next);
void cuda_float_atomics(const Problem& problem, double* next);
void emulated_atomics(const Problem& problem, double* next);
void emulated_sorted(const Problem& problem, double* next);
void emulated_float_atomics(const Problem& problem, double* next);

}  // namespace fedfuse::aggregate
