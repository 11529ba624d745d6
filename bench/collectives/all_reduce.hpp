#pragma once
// One all-reduce, checked and timed.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/comm.hpp"

namespace fedfuse::bench {

// A way to sum words over ranks, in place. Ways that need a library that is not there are not in the table.
struct AllReduce {
  std::string name;
  std::function<void(const Comm&, std::span<std::int64_t>)> sum;
};
[[nodiscard]] std::vector<AllReduce> all_reduces();

struct Measured {
  std::int64_t wrong = 0;       // words, all ranks; nothing is timed unless 0
  int iterations = 0;           // of one timing
  std::vector<double> seconds;  // of one all-reduce on the slowest rank, one value a timing
  double median = 0;
};
// Collective: the same result on every rank.
[[nodiscard]] Measured measure_all_reduce(const AllReduce& verb, const Comm& comm, std::int64_t bytes, int repeats);

}  // namespace fedfuse::bench
