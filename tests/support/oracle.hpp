#pragma once
// goldens.h5: inputs and expected values in float64, by the independent oracle of tests/oracle. Its
// layout: tests/oracle/make_goldens.py.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/h5.hpp"

namespace fedfuse::test {

// FEDFUSE_GOLDENS when set, else the file that comes with the repository.
inline std::string goldens_path() {
  if (const char* path = std::getenv("FEDFUSE_GOLDENS")) return path;
  return FEDFUSE_SOURCE_DIR "/tests/oracle/goldens.h5";
}

}  // namespace fedfuse::test

#define FEDFUSE_REQUIRE_GOLDENS()                                           \
  ASSERT_TRUE(std::filesystem::exists(fedfuse::test::goldens_path()))       \
      << "no golden values in " << fedfuse::test::goldens_path()            \
      << ": tests/oracle/goldens.h5 comes with the repository; restore it " \
         "(git checkout tests/oracle) or correct FEDFUSE_GOLDENS"
