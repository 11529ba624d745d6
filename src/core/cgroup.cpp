#include "core/cgroup.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace fedfuse {
namespace {

namespace fs = std::filesystem;

constexpr double no_quota = std::numeric_limits<double>::infinity();
constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();

// A line of /proc/self/cgroup: "4:cpu,cpuacct:/job"; v2 has no controllers: "0::/job".
struct Membership {
  std::string controllers, path;
};

std::vector<Membership> memberships(const std::string& root) {
  std::vector<Membership> result;
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    result.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return result;
}

bool lists(const std::string& controllers, const std::string& name) {
  return ("," + controllers + ",").find("," + name + ",") != std::string::npos;
}

// The group's folder and its parents' up to the mount. A container may see its own group as the
// mount's root and be told a path outside of it: the levels that exist are taken.
void add_levels(const fs::path& mount, const std::string& path, std::vector<fs::path>& levels) {
  fs::path below = fs::path(path).relative_path().lexically_normal();
  if (!below.empty() && *below.begin() == "..") below.clear();
  std::error_code error;
  for (; !below.empty() && below != "."; below = below.parent_path())
    if (fs::is_directory(mount / below, error)) levels.push_back(mount / below);
  if (fs::is_directory(mount, error)) levels.push_back(mount);
}

std::vector<fs::path> levels_of_v1(const std::string& root, const std::string& controller) {
  const fs::path mounts = root + "/sys/fs/cgroup";
  std::vector<fs::path> levels;
  for (const auto& [controllers, path] : memberships(root)) {
    if (!lists(controllers, controller)) continue;
    add_levels(mounts / controller, path, levels);
    if (controllers != controller) add_levels(mounts / controllers, path, levels);
  }
  return levels;
}

// Beside v1 (hybrid) v2 is mounted one folder below.
std::vector<fs::path> levels_of_v2(const std::string& root) {
  const fs::path mount = root + "/sys/fs/cgroup";
  std::vector<fs::path> levels;
  for (const auto& [controllers, path] : memberships(root)) {
    if (!controllers.empty()) continue;
    add_levels(mount, path, levels);
    add_levels(mount / "unified", path, levels);
  }
  if (levels.empty()) add_levels(mount, "", levels);
  return levels;
}

// The first number of a file; nothing where it holds a word ("max") or is not there.
std::optional<std::int64_t> number_in(const fs::path& file) {
  std::ifstream in(file);
  std::int64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

double quota_of_v2(const fs::path& level) {
  std::ifstream in(level / "cpu.max");
  double quota = 0;
  double period = 0;
  if (in >> quota >> period && quota > 0 && period > 0) return quota / period;
  return no_quota;
}

double quota_of_v1(const fs::path& level) {
  const auto quota = number_in(level / "cpu.cfs_quota_us").value_or(-1);
  const auto period = number_in(level / "cpu.cfs_period_us").value_or(0);
  return quota > 0 && period > 0 ? double(quota) / double(period) : no_quota;
}

// Sum of the named lines of memory.stat.
std::int64_t stat_bytes(const fs::path& level, std::string_view first, std::string_view second) {
  std::ifstream in(level / "memory.stat");
  std::int64_t sum = 0;
  std::int64_t value = 0;
  for (std::string name; in >> name >> value;)
    if (name == first || name == second) sum += value;
  return sum;
}

std::int64_t room(std::int64_t limit, std::int64_t used, std::int64_t page_cache) {
  return std::max<std::int64_t>(limit - std::max<std::int64_t>(used - page_cache, 0), 0);
}

std::int64_t room_of_v2(const fs::path& level) {
  const auto limit = std::min(number_in(level / "memory.max").value_or(no_limit),
                              number_in(level / "memory.high").value_or(no_limit));
  const auto used = number_in(level / "memory.current");
  if (limit == no_limit || !used) return no_limit;
  return room(limit, *used, stat_bytes(level, "active_file", "inactive_file"));
}

std::int64_t room_of_v1(const fs::path& level) {
  constexpr std::int64_t unlimited = std::int64_t(1) << 62;  // the kernel writes 2^63 - 4096
  const auto limit = number_in(level / "memory.limit_in_bytes").value_or(no_limit);
  const auto used = number_in(level / "memory.usage_in_bytes");
  if (limit >= unlimited || !used) return no_limit;
  return room(limit, *used, stat_bytes(level, "total_active_file", "total_inactive_file"));
}

}  // namespace

double cgroup_cores(const std::string& root) {
  double cores = no_quota;
  for (const auto& level : levels_of_v2(root)) cores = std::min(cores, quota_of_v2(level));
  for (const auto& level : levels_of_v1(root, "cpu")) cores = std::min(cores, quota_of_v1(level));
  return cores;
}

std::int64_t cgroup_available_bytes(const std::string& root) {
  std::int64_t bytes = no_limit;
  for (const auto& level : levels_of_v2(root)) bytes = std::min(bytes, room_of_v2(level));
  for (const auto& level : levels_of_v1(root, "memory")) bytes = std::min(bytes, room_of_v1(level));
  return bytes;
}

int threads_of_rank(const NodeCores& node) {
  const bool unbound = node.allowed >= node.online;
  const int cores = unbound ? node.allowed / node.ranks : node.allowed;
  const double of_quota = std::floor(node.quota / node.ranks);
  return std::max(1, int(std::min(double(cores), of_quota)));
}

}  // namespace fedfuse
