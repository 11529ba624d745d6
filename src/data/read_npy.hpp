#pragma once
// Feature tables as NumPy writes them (NEP 1: magic, version 1 or 2, a Python dict as header, raw
// values).
#include <string>

#include "core/matrix.hpp"

namespace fedfuse {

// A two-dimensional array of little-endian float16, float32 or float64 in C order, as float32.
// InputError when the magic, version, dtype, order or shape is another, the file is shorter or
// longer than its header says, or a value is not a finite float32.
[[nodiscard]] Matrix<float> read_npy(const std::string& path);

}  // namespace fedfuse
