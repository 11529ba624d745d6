#pragma once
// One all-reduce, checked and timed.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "server/engine.hpp"

namespace fedfuse::bench {

// A way to sum words over ranks, in place, where they lie: in the host's memory or a device's.
// Collective.
class AllReduce {
 public:
  AllReduce() = default;
  virtual ~AllReduce() = default;
  AllReduce(const AllReduce&) = delete;
  AllReduce& operator=(const AllReduce&) = delete;
  [[nodiscard]] virtual std::string name() const = 0;
  virtual void put(std::span<const std::int64_t> words) = 0;
  // May return before the sum is made; sums are made in their order.
  virtual void sum() = 0;
  virtual void wait() {}  // for all of them
  virtual void take(std::span<std::int64_t> words) = 0;
};
struct AllReduces {
  std::vector<std::unique_ptr<AllReduce>> ways;
  std::string no_nccl;  // why it is not among them; empty: it is
  EngineFacts facts;    // the device that was opened, or cpu, and how sums go over it
};
// NCCL needs a device for every rank. With FEDFUSE_BENCH_EMULATED set, the emulated device takes
// its place: for proof of the benchmark itself.
[[nodiscard]] AllReduces all_reduces(const Comm& comm);

struct Measured {
  std::int64_t wrong = 0;       // words, all ranks; nothing is timed unless 0
  int iterations = 0;           // of one timing
  std::vector<double> seconds;  // of one all-reduce on the slowest rank, one value a timing
  double median = 0;
};
// Collective: the same result on every rank.
[[nodiscard]] Measured measure_all_reduce(AllReduce& way, const Comm& comm, std::int64_t bytes,
                                          int repeats);

}  // namespace fedfuse::bench
