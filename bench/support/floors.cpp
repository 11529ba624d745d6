#include "support/floors.hpp"

#include <algorithm>

namespace fedfuse::bench {
namespace {

// Of the caches of one kind that so many neighbouring cores have together.
double bytes_of(const Cache& cache, int cores) {
  const int caches = (cores + cache.sharers - 1) / cache.sharers;
  return double(cache.bytes) * caches;
}

}  // namespace

double Floors::larger() const { return std::max(fma_seconds, bytes_seconds); }

Floors floors(const Work& work, const Ceilings& top, double copy_bytes, int cores) {
  const int used = std::min(work.threads, cores);
  const double held = work.held > 0 ? work.held : work.bytes;
  const double once = std::min(held, work.bytes);
  Floors least{.fma_seconds = work.flops / (top.flops() * used),
               .bytes_seconds = once / copy_bytes};
  if (top.caches.empty()) return least;
  const auto holds = [&](const CacheCeiling& one) { return held <= bytes_of(one.cache, used); };
  const auto level = std::ranges::find_if(top.caches, holds);
  if (level != top.caches.end()) {
    least.cache_level = level->cache.level;
    least.bytes_seconds = once / (level->read_bytes * used);
  }
  const double through_the_nearest = work.bytes / (top.caches.front().read_bytes * used);
  least.bytes_seconds = std::max(least.bytes_seconds, through_the_nearest);
  return least;
}

}  // namespace fedfuse::bench
