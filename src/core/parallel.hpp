#pragma once
// OpenMP loops whose body may throw: the first exception (of the lowest index, so that the message does not
// depend on timing) comes out of the loop.
#include <omp.h>

#include <cstdint>
#include <exception>

namespace fedfuse {

// body(i, thread) for i in [0, n), dynamically scheduled over `threads` threads.
template <class Body>
void parallel_for(std::int64_t n, int threads, Body&& body) {
  std::exception_ptr error;
  std::int64_t where = n;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (std::int64_t i = 0; i < n; ++i) {
    try {
      body(i, omp_get_thread_num());
    } catch (...) {
#pragma omp critical(fedfuse_parallel_for)
      if (i < where) {
        where = i;
        error = std::current_exception();
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace fedfuse
