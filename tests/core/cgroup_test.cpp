// cgroups as folders of files: a fake /proc and /sys for each case.
#include "core/cgroup.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "core/memory.hpp"

namespace fedfuse {
namespace {

constexpr std::int64_t mib = 1 << 20;

class Tree {
 public:
  explicit Tree(const std::string& membership) {
    path_ = (std::filesystem::temp_directory_path() / "fedfuse-cgroup-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
    write("proc/self/cgroup", membership);
  }
  ~Tree() { std::filesystem::remove_all(path_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  void write(const std::string& name, const std::string& text) const {
    const auto file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  void group(const std::string& name, const std::string& text) const {
    write("sys/fs/cgroup/" + name, text);
  }
  [[nodiscard]] double cores() const { return cgroup_cores(path_); }
  [[nodiscard]] std::int64_t bytes() const { return cgroup_available_bytes(path_); }

 private:
  std::string path_;
};

std::string mebibytes(std::int64_t n) { return std::to_string(n * mib); }

TEST(Cgroup, HasNoLimitWhereNoneIsSet) {
  const Tree empty("");
  EXPECT_TRUE(std::isinf(empty.cores()));
  EXPECT_EQ(empty.bytes(), INT64_MAX);
  const Tree v2("0::/a\n");
  v2.group("a/cpu.max", "max 100000");
  v2.group("a/memory.max", "max");
  v2.group("a/memory.current", mebibytes(5));
  EXPECT_TRUE(std::isinf(v2.cores()));
  EXPECT_EQ(v2.bytes(), INT64_MAX);
  const Tree v1("4:memory:/a\n1:cpu,cpuacct:/a\n");
  v1.group("memory/a/memory.limit_in_bytes", "9223372036854771712");
  v1.group("memory/a/memory.usage_in_bytes", mebibytes(5));
  v1.group("cpu/a/cpu.cfs_quota_us", "-1");
  v1.group("cpu/a/cpu.cfs_period_us", "100000");
  EXPECT_TRUE(std::isinf(v1.cores()));
  EXPECT_EQ(v1.bytes(), INT64_MAX);
}

// v2: the tightest level counts, wherever it stands.
TEST(Cgroup, TakesTheTightestLevelOfV2) {
  for (const auto* tight : {"cpu.max", "a/cpu.max", "a/b.slice/cpu.max", "a/b.slice/c/cpu.max"}) {
    const Tree tree("0::/a/b.slice/c\n");
    for (const auto* level : {"cpu.max", "a/cpu.max", "a/b.slice/cpu.max", "a/b.slice/c/cpu.max"})
      tree.group(level, "800000 100000");
    tree.group(tight, "75000 50000");
    tree.group("other/cpu.max", "1000 100000");
    EXPECT_DOUBLE_EQ(tree.cores(), 1.5) << tight;
  }
  for (const std::string tight : {"", "a/", "a/b/"}) {
    const Tree tree("0::/a/b\n");
    for (const std::string level : {"", "a/", "a/b/"}) {
      tree.group(level + "memory.max", mebibytes(level == tight ? 100 : 1000));
      tree.group(level + "memory.current", mebibytes(40));
    }
    EXPECT_EQ(tree.bytes(), 60 * mib) << tight;
  }
}

TEST(Cgroup, TakesTheTightestLevelOfV1) {
  const Tree tree("4:memory:/slurm/job_7\n1:cpu,cpuacct:/slurm/job_7\n0::/\n");
  tree.group("cpu,cpuacct/slurm/cpu.cfs_quota_us", "250000");
  tree.group("cpu,cpuacct/slurm/cpu.cfs_period_us", "100000");
  tree.group("cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us", "-1");
  tree.group("cpu,cpuacct/slurm/job_7/cpu.cfs_period_us", "100000");
  EXPECT_DOUBLE_EQ(tree.cores(), 2.5);
  tree.group("memory/slurm/job_7/memory.limit_in_bytes", mebibytes(300));
  tree.group("memory/slurm/job_7/memory.usage_in_bytes", mebibytes(250));
  tree.group("memory/slurm/job_7/memory.stat", "cache 1\ninactive_file 7\ntotal_inactive_file " +
                                                   mebibytes(30) + "\ntotal_active_file " +
                                                   mebibytes(20));
  tree.group("memory/slurm/memory.limit_in_bytes", mebibytes(400));
  tree.group("memory/slurm/memory.usage_in_bytes", mebibytes(320));
  EXPECT_EQ(tree.bytes(), 80 * mib);  // the parent has 80, the job 100 with its page cache
}

TEST(Cgroup, CountsPageCacheAsFree) {
  const Tree tree("0::/a\n");
  tree.group("a/memory.max", mebibytes(100));
  tree.group("a/memory.current", mebibytes(99));
  tree.group("a/memory.stat", "anon " + mebibytes(29) + "\nfile " + mebibytes(70) + "\nshmem " +
                                  mebibytes(10) + "\ninactive_file " + mebibytes(50) +
                                  "\nactive_file " + mebibytes(10));
  EXPECT_EQ(tree.bytes(), 61 * mib);  // shared memory is no page cache to give back
  tree.group("a/memory.high", mebibytes(80));
  EXPECT_EQ(tree.bytes(), 41 * mib);
  tree.group("a/memory.high", mebibytes(10));
  EXPECT_EQ(tree.bytes(), 0);
}

// A container that sees its own group as the root, and is told the host's path.
TEST(Cgroup, TakesTheMountWhereThePathIsOfTheHost) {
  for (const auto* path : {"/docker/0123456789", "/../..", "/../other", "/"}) {
    const Tree tree(std::string("4:memory:") + path + "\n0::" + path + "\n");
    tree.group("cpu.max", "200000 100000");
    tree.group("memory/memory.limit_in_bytes", mebibytes(64));
    tree.group("memory/memory.usage_in_bytes", mebibytes(4));
    EXPECT_DOUBLE_EQ(tree.cores(), 2) << path;
    EXPECT_EQ(tree.bytes(), 60 * mib) << path;
  }
}

TEST(Cgroup, ReadsV2BesideV1) {
  const Tree tree("4:memory:/\n0::/user.slice\n");
  tree.group("unified/user.slice/cpu.max", "300000 100000");
  EXPECT_DOUBLE_EQ(tree.cores(), 3);
}

TEST(Cgroup, IgnoresDamage) {
  const Tree tree("nonsense\n0:\n0::/a\n");
  tree.group("a/cpu.max", "");
  tree.group("a/memory.max", "lots");
  tree.group("a/memory.current", "1");
  tree.group("cpu.max", "100000 0");
  EXPECT_TRUE(std::isinf(tree.cores()));
  EXPECT_EQ(tree.bytes(), INT64_MAX);
}

TEST(Cgroup, SharesCoresAndQuota) {
  const auto threads = [](int allowed, int online, double quota, int ranks) {
    return threads_of_rank({.allowed = allowed, .online = online, .quota = quota, .ranks = ranks});
  };
  EXPECT_EQ(threads(16, 16, INFINITY, 1), 16);
  EXPECT_EQ(threads(16, 16, INFINITY, 4), 4);
  EXPECT_EQ(threads(4, 16, INFINITY, 4), 4);  // bound: its own cores
  EXPECT_EQ(threads(64, 64, 8, 1), 8);
  EXPECT_EQ(threads(64, 64, 8, 2), 4);
  EXPECT_EQ(threads(8, 64, 4, 2), 2);
  EXPECT_EQ(threads(64, 64, 2.9, 1), 2);
  EXPECT_EQ(threads(64, 64, 0.5, 1), 1);
  EXPECT_EQ(threads(2, 2, INFINITY, 7), 1);
}

TEST(Cgroup, IsReadHere) {
  EXPECT_GT(cgroup_cores(), 0);
  EXPECT_GE(cgroup_available_bytes(), 0);
  EXPECT_GT(available_memory_bytes(), 0);
}

}  // namespace
}  // namespace fedfuse
