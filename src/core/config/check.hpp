#pragma once
// What the validate() of every section is made of. option: without its dashes.
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

inline void at_least(const char* option, std::int64_t value, std::int64_t least) {
  if (value < least)
    throw InputError(cat("--", option, " ", value), cat("it must be at least ", least),
                     "give a larger value");
}

inline void finite_at_least(const char* option, double value, double least) {
  if (!std::isfinite(value) || value < least)
    throw InputError(cat("--", option, " ", value), cat("it must be a finite number >= ", least),
                     "give a larger value");
}

}  // namespace fedfuse
