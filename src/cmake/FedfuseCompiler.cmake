# Compilers that lack what the sources use are refused here, in words, and not inside a header.
include(CheckCXXSourceCompiles)

set(FEDFUSE_NEEDED_OF_A_COMPILER [[
#include <algorithm>
#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <thread>
#include <vector>
using Float8 = float __attribute__((vector_size(32), aligned(4), may_alias));
struct Point {
  int x = 0;
  auto operator<=>(const Point&) const = default;
};
template <std::integral T> T sum(std::span<const T> values) {
  T total = 0;
  std::ranges::for_each(values, [&](T value) { total += value; });
  return total;
}
int main() {
  const std::vector<int> values{1, 2, 3};
  const auto half = std::bit_cast<std::uint16_t>(static_cast<_Float16>(float(std::numbers::pi)));
  const Float8 lanes = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto larger = lanes > 2.0f ? lanes : lanes + 1.0f;
  std::jthread thread([] {});
  const bool starts = std::string_view("fedfuse").starts_with("fed");
  return sum(std::span<const int>(values)) + int(half) + int(larger[0]) + int(starts) +
         int(Point{.x = 1} < Point{.x = 2});
}
]])

function(fedfuse_check_compiler)
  set(CMAKE_REQUIRED_QUIET ON)
  set(CMAKE_REQUIRED_LIBRARIES Threads::Threads)
  check_cxx_source_compiles("${FEDFUSE_NEEDED_OF_A_COMPILER}" FEDFUSE_COMPILER_SUFFICES)
  if(FEDFUSE_COMPILER_SUFFICES)
    return()
  endif()
  unset(FEDFUSE_COMPILER_SUFFICES CACHE)  # another compiler is asked anew
  message(FATAL_ERROR
    "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} (${CMAKE_CXX_COMPILER}) cannot build "
    "fedfuse\n"
    "  why: it does not compile a small program of C++20 with _Float16 and vectors; "
    "its errors are in the log in ${CMAKE_BINARY_DIR}/CMakeFiles\n"
    "  do:  use g++ 12 or clang 16, or newer, in an empty build folder: "
    "cmake --preset release -DCMAKE_CXX_COMPILER=g++-12\n")
endfunction()
find_package(Threads REQUIRED)
fedfuse_check_compiler()
