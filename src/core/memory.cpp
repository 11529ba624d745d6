#include "core/memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "core/cgroup.hpp"

namespace fedfuse {
namespace {

// A value in kB of a "Name:  123 kB" file of /proc; -1 when absent.
std::int64_t proc_kilobytes(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.rfind(name, 0) == 0) return std::stoll(line.substr(name.size()));
  return -1;
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
  return std::min(available, cgroup_available_bytes());
}

}  // namespace fedfuse
