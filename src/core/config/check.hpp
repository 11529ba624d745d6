#pragma once
// What the validate() of every section is made of: the range of an option stands there, once, for
// the command line and the TOML file. option: without its dashes.
#include <cmath>
#include <cstdint>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {

template <class T>
void require(bool good, const char* option, const T& value, const char* why,
             const char* what_to_do) {
  if (!good) throw InputError(cat("--", option, " ", value), why, what_to_do);
}

// What is counted with int32 somewhere: samples, slots, items, rounds in counters.
inline constexpr std::int64_t most_counted = 2147483647;

inline void within(const char* option, std::int64_t value, std::int64_t least, std::int64_t most) {
  if (value < least)
    throw InputError(cat("--", option, " ", value), cat("it must be at least ", least),
                     "give a larger value");
  if (value > most)
    throw InputError(cat("--", option, " ", value), cat("it must be at most ", most),
                     "give a smaller value");
}

// Kernels compute with floats, which end at 3.4e38.
inline void finite_at_least(const char* option, double value, double least) {
  constexpr double most = 1e38;  // a float holds it
  if (!std::isfinite(value) || value < least)
    throw InputError(cat("--", option, " ", value), cat("it must be a finite number >= ", least),
                     "give a larger value");
  if (value > most)
    throw InputError(cat("--", option, " ", value), cat("it must be at most ", most),
                     "give a smaller value");
}

}  // namespace fedfuse
