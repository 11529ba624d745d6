#include "app/threads.hpp"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "core/cgroup.hpp"
#include "core/config/execution.hpp"
#include "core/environment.hpp"
#include "core/error.hpp"
#include "core/number.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

int cores_allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// The outermost level of OMP_NUM_THREADS ("4", "4,2"); 0: it is not set. OpenMP itself would drop
// what it cannot read.
std::int64_t threads_in_environment() {
  constexpr const char* name = "OMP_NUM_THREADS";
  const auto value = environment_variable(name);
  if (value.empty()) return 0;
  auto text = value.substr(0, value.find(','));
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  std::int64_t threads = 0;
  parse_number(threads, name, text);
  if (threads < 1 || threads > most_threads)
    throw InputError(cat(name, "=", value), cat("it must lie between 1 and ", most_threads),
                     "correct it, or unset it for the cores that a rank may use");
  return threads;
}

}  // namespace

int set_threads(std::int64_t asked, const Comm& comm) {
  const int neighbours = comm.ranks_on_this_node();
  std::int64_t threads = asked;
  comm.together([&] {
    if (threads == 0) threads = threads_in_environment();
  });
  if (threads == 0)
    threads = std::min<std::int64_t>(most_threads,
                                     threads_of_rank({.allowed = cores_allowed(),
                                                      .online = int(sysconf(_SC_NPROCESSORS_ONLN)),
                                                      .quota = cgroup_cores(),
                                                      .ranks = neighbours}));
  FEDFUSE_CHECK(threads >= 1 && threads <= most_threads, "--threads was checked before");
  omp_set_num_threads(int(threads));
  return int(threads);
}

}  // namespace fedfuse
