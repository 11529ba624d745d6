// Caches as a folder of the system describes them.
#include "support/caches.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "core/error.hpp"

namespace fedfuse::bench {
namespace {

namespace fs = std::filesystem;

class Caches : public testing::Test {
 protected:
  Caches() : folder_((fs::temp_directory_path() / "fedfuse_caches_XXXXXX").string()) {
    FEDFUSE_CHECK(mkdtemp(folder_.data()) != nullptr, "no temporary folder can be made");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void add(const char* level, const char* type, const char* size, const char* list) {
    const auto index = fs::path(folder_) / ("index" + std::to_string(count_++));
    fs::create_directory(index);
    std::ofstream(index / "level") << level << '\n';
    std::ofstream(index / "type") << type << '\n';
    std::ofstream(index / "size") << size << '\n';
    std::ofstream(index / "shared_cpu_list") << list << '\n';
  }
  [[nodiscard]] std::vector<Cache> read() const { return read_caches(folder_); }

 private:
  std::string folder_;
  int count_ = 0;
};

TEST_F(Caches, AreThoseOfDataTheNearestFirst) {
  add("3", "Unified", "32M", "0-3,8-11,16");
  add("1", "Data", "48K", "0");
  add("1", "Instruction", "32K", "0");
  add("2", "Unified", "2048K", "0,64");
  const std::vector<Cache> expected{
      {1, std::size_t(48) << 10, 1}, {2, std::size_t(2) << 20, 2}, {3, std::size_t(32) << 20, 9}};
  EXPECT_EQ(read(), expected);
}

TEST_F(Caches, WhatIsNotDescribedIsNone) {
  EXPECT_TRUE(read().empty());
  EXPECT_TRUE(read_caches("/no such folder").empty());
  add("", "Data", "48K", "0");
  add("2", "Unified", "", "0");
  add("2", "Unified", "unknown", "0");
  EXPECT_TRUE(read().empty());
}

TEST_F(Caches, WithoutSharersItIsOfOne) {
  add("2", "Unified", "512", "");
  EXPECT_EQ(read(), (std::vector<Cache>{{2, 512, 1}}));
}

}  // namespace
}  // namespace fedfuse::bench
