#include "core/memory.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <limits>
#include <sstream>
#include <string>

#include "core/cgroup.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

// A value in kB of a "Name:  123 kB" file of /proc; -1 when absent.
std::int64_t proc_kilobytes(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.rfind(name, 0) == 0) return std::stoll(line.substr(name.size()));
  return -1;
}

std::int64_t address_space_left() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::int64_t>::max();
  const auto used =
      std::max<std::int64_t>(proc_kilobytes("/proc/self/status", "VmSize:"), 0) * 1024;
  return std::max<std::int64_t>(std::int64_t(limit.rlim_cur) - used, 0);
}

std::string gib(double bytes) {
  std::ostringstream text;
  text << std::setprecision(3) << bytes / double(1LL << 30) << " GiB";
  return text.str();
}

}  // namespace

std::int64_t peak_memory_bytes() {
  return std::max<std::int64_t>(proc_kilobytes("/proc/self/status", "VmHWM:"), 0) * 1024;
}
std::int64_t current_memory_bytes() {
  return std::max<std::int64_t>(proc_kilobytes("/proc/self/status", "VmRSS:"), 0) * 1024;
}
std::int64_t available_memory_bytes() {
  std::int64_t available = std::numeric_limits<std::int64_t>::max();
  if (const auto kb = proc_kilobytes("/proc/meminfo", "MemAvailable:"); kb >= 0)
    available = kb * 1024;
  return std::min({available, cgroup_available_bytes(), address_space_left()});
}

void check_memory_needs(const std::vector<MemoryNeed>& needs, const Comm& comm) {
  const int ranks = comm.ranks_on_this_node();
  comm.together([&] {
    double sum = 0;
    const MemoryNeed* largest = nullptr;
    for (const auto& need : needs) {
      sum += need.bytes;
      if (largest == nullptr || need.bytes > largest->bytes) largest = &need;
    }
    const double available = double(available_memory_bytes()) / ranks;
    if (largest == nullptr || sum <= available) return;
    throw InputError(
        cat(largest->option, " needs ", gib(largest->bytes), " of memory"),
        cat("a rank needs ", gib(sum), " or more in all, and ", gib(available), " are free for it"),
        "give a smaller value, or use more machines or one with more memory");
  });
}

}  // namespace fedfuse
