#pragma once
// The seeds of tests' inputs: fixed, so that a failure comes back, unless FEDFUSE_TEST_SEED
// gives others (support/main.cpp prints it).
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace fedfuse::test {

// FEDFUSE_TEST_SEED; 0 without.
inline std::uint64_t asked_seed() {
  const char* const text = std::getenv("FEDFUSE_TEST_SEED");
  if (text == nullptr) return 0;
  const char* const end = text + std::strlen(text);
  std::uint64_t asked = 0;
  const auto read = std::from_chars(text, end, asked);
  if (read.ec != std::errc() || read.ptr != end)
    throw std::invalid_argument(std::string("FEDFUSE_TEST_SEED is no whole number: ") + text);
  return asked;
}

// `usual`, or of each FEDFUSE_TEST_SEED another.
inline std::uint64_t seed(std::uint64_t usual) {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;  // usual seeds are small: no two meet
  return usual + odd * asked_seed();
}

// Of CaseShapes, each with its own.
template <class Shapes>
Shapes with_asked_seed(Shapes shapes) {
  for (auto& shape : shapes) shape.seed = seed(shape.seed);
  return shapes;
}

}  // namespace fedfuse::test
