#include "kernels/gather/gather.hpp"

namespace fedfuse::gather {

void reference(const Problem& p) {
  for (std::int64_t i = 0; i < p.count; ++i)
    for (std::int64_t k = 0; k < p.width; ++k)
      p.to[i * p.width + k] = p.from[std::int64_t(p.rows[i]) * p.width + k];
}

}  // namespace fedfuse::gather
