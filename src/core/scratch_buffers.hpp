#pragma once
// Scratch of one thread: numbered buffers of floats that grow to the largest size asked for and are
// kept.
#include <array>

#include "core/matrix.hpp"

namespace fedfuse {

class ScratchBuffers {
 public:
  static constexpr int most = 16;
  // n floats. They stay valid until the next take of the same buffer; their values are whatever the
  // last user left.
  float* take(int buffer, std::size_t n) {
    auto& floats = buffers_[std::size_t(buffer)];
    if (floats.size() < n) floats.resize(n);
    return floats.data();
  }

 private:
  std::array<Array<float>, most> buffers_;
};

}  // namespace fedfuse
