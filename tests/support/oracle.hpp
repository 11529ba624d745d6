#pragma once
// The golden values (tests/oracle): an HDF5 file computed naively in float64 by an independent
// program.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/h5.hpp"

namespace fedfuse::test {

// Path of goldens.h5: FEDFUSE_GOLDENS, else the copy beside the checkout; empty when neither
// exists.
inline std::string goldens_path() {
  if (const char* path = std::getenv("FEDFUSE_GOLDENS")) return path;
  const auto beside =
      std::filesystem::path(FEDFUSE_SOURCE_DIR).parent_path() / "shared/oracle/goldens.h5";
  return std::filesystem::exists(beside) ? beside.string() : "";
}

}  // namespace fedfuse::test

#define FEDFUSE_REQUIRE_GOLDENS()            \
  if (fedfuse::test::goldens_path().empty()) \
  GTEST_SKIP() << "no golden values: set FEDFUSE_GOLDENS to goldens.h5"
