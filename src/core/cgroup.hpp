#pragma once
// What the control groups of this process allow: Linux cgroups v1 and v2. A limit holds at every
// level from the process's own group up to the root, so the smallest counts.
#include <cstdint>
#include <string>

namespace fedfuse {

// `root` is put before /proc/self/cgroup and /sys/fs/cgroup; tests give a folder of their own.

// CPU time by quota, in cores (1.5: one and a half); infinity where no level has a quota.
// v2: cpu.max; v1: cpu.cfs_quota_us / cpu.cfs_period_us.
[[nodiscard]] double cgroup_cores(const std::string& root = "");

// Bytes that can still be allocated: least over the levels of limit - (usage - page cache). Page
// cache (active_file + inactive_file of memory.stat) is given back when memory is short. INT64_MAX
// where no level has a limit. v2: memory.max, memory.high; v1: memory.limit_in_bytes.
[[nodiscard]] std::int64_t cgroup_available_bytes(const std::string& root = "");

struct NodeCores {
  int allowed = 1;   // in this rank's affinity mask
  int online = 1;    // of the machine
  double quota = 1;  // of cgroup_cores, for all ranks of the node together
  int ranks = 1;     // on this node
};
// Threads of a rank: its cores, or a fair share of them where ranks are not bound; no more than its
// share of the quota, rounded down; at least 1.
[[nodiscard]] int threads_of_rank(const NodeCores& node);

}  // namespace fedfuse
