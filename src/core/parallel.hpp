#pragma once
// Loops over clients whose body may throw: the first exception (of the lowest index, so that the
// message does not depend on timing) comes out of the loop.
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <mutex>

#ifdef __SANITIZE_THREAD__
#include <atomic>
#include <thread>
#include <vector>
#endif

namespace fedfuse {
// False only where no other thread of this process can add to the same sums: then locks are not
// needed. Threads outside OpenMP and parallel_for are not seen; all loops over clients use these.
[[nodiscard]] inline bool in_parallel() {
#ifdef __SANITIZE_THREAD__
  return true;
#else
  return omp_in_parallel() != 0;
#endif
}

namespace detail {

// run(i, thread) for i in [0, n), dynamically scheduled.
#ifdef __SANITIZE_THREAD__
// TSan does not see GCC's OpenMP start and join threads, and would call every hand-over a race; it
// sees these.
template <class Run>
void for_each_index(std::int64_t n, int threads, const Run& run) {
  std::atomic<std::int64_t> next{0};
  std::vector<std::jthread> team;
  for (int thread = 0; thread < threads; ++thread)
    team.emplace_back([&, thread] {
      for (std::int64_t i = next++; i < n; i = next++) run(i, thread);
    });
}
#else
template <class Run>
void for_each_index(std::int64_t n, int threads, const Run& run) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (std::int64_t i = 0; i < n; ++i) run(i, omp_get_thread_num());
}
#endif

}  // namespace detail

// body(i, thread) for i in [0, n), dynamically scheduled over `threads` threads.
template <class Body>
void parallel_for(std::int64_t n, int threads, Body&& body) {
  std::exception_ptr error;
  std::int64_t where = n;
  std::mutex mutex;
  detail::for_each_index(n, threads, [&](std::int64_t i, int thread) {
    try {
      body(i, thread);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (i < where) {
        where = i;
        error = std::current_exception();
      }
    }
  });
  if (error) std::rethrow_exception(error);
}

// body(first, end) for [0, n) in blocks, where a single index is too little to be dealt out alone.
template <class Body>
void for_each_block(std::int64_t n, int threads, Body&& body) {
  constexpr std::int64_t block = 512;
  parallel_for((n + block - 1) / block, threads,
               [&](std::int64_t b, int) { body(b * block, std::min(n, (b + 1) * block)); });
}
// body(i) for each of them.
template <class Body>
void for_each_in_blocks(std::int64_t n, int threads, Body&& body) {
  for_each_block(n, threads, [&](std::int64_t first, std::int64_t end) {
    for (std::int64_t i = first; i < end; ++i) body(i);
  });
}

}  // namespace fedfuse
