#include "collectives/all_reduce.hpp"

#include <algorithm>

#include "core/timer.hpp"

namespace fedfuse::bench {
namespace {

// Word i of rank r; the sum over p ranks is p i + p (p - 1) / 2, whatever the order.
void fill(std::span<std::int64_t> words, int rank) {
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = std::int64_t(i) + rank;
}
std::int64_t wrong_words(std::span<const std::int64_t> words, std::int64_t p) {
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < words.size(); ++i) wrong += words[i] != p * std::int64_t(i) + p * (p - 1) / 2;
  return wrong;
}

double timed(const AllReduce& verb, const Comm& comm, std::span<std::int64_t> words, int iterations) {
  std::ranges::fill(words, 0);  // sums of zeros: repeated in place, nothing overflows
  comm.barrier();
  const double start = now_seconds();
  for (int k = 0; k < iterations; ++k) verb.sum(comm, words);
  return comm.max((now_seconds() - start) / iterations);
}

}  // namespace

std::vector<AllReduce> all_reduces() {
  std::vector<AllReduce> table{{"mpi", [](const Comm& comm, std::span<std::int64_t> words) { comm.sum(words); }}};
#ifdef FEDFUSE_HAVE_NCCL
  // a row of its own, from a source of its own
#endif
  return table;
}

Measured measure_all_reduce(const AllReduce& verb, const Comm& comm, std::int64_t bytes, int repeats) {
  std::vector<std::int64_t> words(std::size_t(std::max<std::int64_t>(1, bytes / 8)));
  Measured m;
  fill(words, comm.rank());
  verb.sum(comm, words);
  m.wrong = comm.sum(wrong_words(words, comm.size()));
  if (m.wrong != 0) return m;
  // 20 ms a timing, by rank 0's clock: a count that each rank chose for itself would leave some waiting for ever.
  const double once = timed(verb, comm, words, 3);
  std::int64_t iterations = std::clamp<std::int64_t>(std::int64_t(0.02 / std::max(once, 1e-9)), 1, 10000);
  comm.broadcast(std::span(&iterations, 1));
  m.iterations = int(iterations);
  for (int k = 0; k < repeats; ++k) m.seconds.push_back(timed(verb, comm, words, m.iterations));
  auto sorted = m.seconds;
  std::ranges::sort(sorted);
  m.median = sorted.empty() ? 0 : (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2;
  return m;
}

}  // namespace fedfuse::bench
