#include "app/threads.hpp"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>

#include "core/cgroup.hpp"

namespace fedfuse {
namespace {

int cores_allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace

int set_threads(std::int64_t asked, const Comm& comm) {
  const int neighbours = comm.ranks_on_this_node();
  int threads = int(asked);
  if (threads == 0 && std::getenv("OMP_NUM_THREADS") != nullptr) threads = omp_get_max_threads();
  if (threads == 0) {
    threads = threads_of_rank({.allowed = cores_allowed(),
                               .online = int(sysconf(_SC_NPROCESSORS_ONLN)),
                               .quota = cgroup_cores(),
                               .ranks = neighbours});
  }
  omp_set_num_threads(threads);
  return threads;
}

}  // namespace fedfuse
