#pragma once
// The least time of a piece of work, from its FLOP and from its bytes.
#include "support/ceilings.hpp"

namespace fedfuse::bench {

// By the problem's own formulas.
struct Work {
  double flops = 0, bytes = 0;
  double held = 0;  // bytes of the data behind them, each counted once; 0: as many as `bytes`
  int threads = 1;  // that share it
};

struct Floors {
  double fma_seconds = 0;  // the FLOP at the widest vectors' multiply-adds of its cores
  // Each byte of the data once at the reads of the cache that holds it, or at the copy; or all
  // bytes at the reads of the nearest cache, if that takes longer.
  double bytes_seconds = 0;
  int cache_level = 0;  // of that cache; 0: memory
  [[nodiscard]] double larger() const;
};

// copy_bytes: B/s of a copy by as many threads. cores: that this process may use. More threads than
// cores have no more than the cores.
[[nodiscard]] Floors floors(const Work& work, const Ceilings& top, double copy_bytes, int cores);

}  // namespace fedfuse::bench
