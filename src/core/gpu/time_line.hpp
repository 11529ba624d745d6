#pragma once
// Named ranges on a profiler's time line (NVTX): nsys draws them above what the device does.
// Nothing without CUDA's toolkit.
#ifdef FEDFUSE_HAVE_CUDA
#include <nvtx3/nvToolsExt.h>
#endif

namespace fedfuse::gpu {

// From here to the end of the scope, on this thread; nested ones stack.
class TimeLineRange {
 public:
#ifdef FEDFUSE_HAVE_CUDA
  explicit TimeLineRange(const char* name) { nvtxRangePushA(name); }
  ~TimeLineRange() { nvtxRangePop(); }
#else
  explicit TimeLineRange(const char*) {}
#endif
  TimeLineRange(const TimeLineRange&) = delete;
  TimeLineRange& operator=(const TimeLineRange&) = delete;
};

}  // namespace fedfuse::gpu
