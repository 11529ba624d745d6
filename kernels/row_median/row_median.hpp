#pragma once
// The server combines the rows of an item by an order statistic of every number, over the n clients
// that touched the row (models.md section 12):
//
//   x_(1) <= ... <= x_(n):   the values of one number of one row
//   trimmed: m = mean of x_(b+1) ... x_(n-b),  b = floor(trim n), at most (n - 1) / 2
//   median:  b = (n - 1) / 2 rounded down, so the mean of the middle one or two
//   S[i, k] = round(n m 2^bits)
//
// S stands in the place of the sum that the round would have, in its unit (R7). The kept values are
// summed as integers, so no order of the clients changes a bit. Yin, Chen, Ramchandran, Bartlett
// 2018 (arXiv 1803.01498) propose both for whole vectors; rows that few clients touch are ours.
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/gpu/device.hpp"

namespace fedfuse::row_median {

// Entries [offsets[i], offsets[i + 1]) are those of item i, in any order.
struct Problem {
  std::int64_t items = 0;
  int width = 0;
  const std::int64_t* offsets = nullptr;  // items + 1
  const std::int32_t* order = nullptr;    // of each entry: its row of x
  const float* x = nullptr;               // rows x width; finite
  bool median = true;
  double trim = 0.1;      // otherwise: in [0, 0.5)
  double scale = 0x1p32;  // 2^bits

  [[nodiscard]] std::int64_t entries() const { return offsets[items] - offsets[0]; }
  [[nodiscard]] double bytes() const;  // rows and their places in, sums out
};

// Where the rows of each item stand, from the item of each row: what a Problem asks for.
struct Places {
  // item: from 0 to items - 1, of each row of x
  Places(std::span<const std::int32_t> item, std::int64_t items);
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> order;  // rows of an item as they came
};

// Values cut at either end of n.
[[nodiscard]] std::int64_t cut_of(const Problem& problem, std::int64_t n);

// S: items x width; 0 where nobody touched the row.
using Function = void (*)(const Problem& problem, std::int64_t* S);
struct Variant {
  std::string_view name, what;
  Function run;
  gpu::Runs runs;
};
// First: the one that fedfuse uses.
[[nodiscard]] std::span<const Variant> variants();
[[nodiscard]] inline const Variant& production() { return variants().front(); }

void reference(const Problem& problem, std::int64_t* S);  // row_median_ref.cpp: sorts in double
void run_cpu(const Problem& problem, std::int64_t* S);    // row_median_cpu.cpp

}  // namespace fedfuse::row_median
