#pragma once
// Which devices the code of this program runs on.
#include <string_view>

namespace fedfuse::gpu {

// architectures: as CMAKE_CUDA_ARCHITECTURES says them, between commas: 80 is machine code of
// compute capability 8.0 and code that a driver compiles for later ones, 80-real the first alone,
// 80-virtual the second; 90a is for 9.0 alone. capability: 90 for 9.0.
[[nodiscard]] bool has_code_for(std::string_view architectures, int capability);

}  // namespace fedfuse::gpu
