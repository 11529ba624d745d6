// bench_profile CASE: one launch of one device case after its warm-up, between the marks that ncu
// and nsys look for, in an NVTX range of the case's name:
//   ncu --profile-from-start off --set full bench_profile local_train/cuda/mlp
//   nsys profile --capture-range=cudaProfilerApi bench_profile local_train/cuda/mlp
#include <cstdio>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/gpu/time_line.hpp"
#include "device/device_case.hpp"

#ifdef FEDFUSE_HAVE_CUDA
#include <cuda_profiler_api.h>
#endif

namespace fedfuse::bench {
namespace {

// What a profiler shall see, while this lives.
class Shown {
 public:
#ifdef FEDFUSE_HAVE_CUDA
  Shown() { cudaProfilerStart(); }
  ~Shown() { cudaProfilerStop(); }
#else
  Shown() {}
#endif
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;
};

int run(std::string_view name) {
  for (const auto& row : device_cases()) {
    if (row.name != name) continue;
    const auto device = bench_device();
    if (device == nullptr) {
      std::printf("%s skipped: %s\n", std::string(name).c_str(), gpu::why_none().c_str());
      return 0;
    }
    const auto problem = row.make(device, device->info().emulated);
    const gpu::Stream stream(device);
    for (int warm_up = 0; warm_up < 3; ++warm_up) problem.launch(stream);
    stream.synchronise();
    gpu::Timer timer(stream);
    {
      const Shown shown;
      const std::string shown_name(row.name);
      const gpu::TimeLineRange range(shown_name.c_str());
      timer.start();
      problem.launch(stream);
      timer.stop();
      stream.synchronise();
    }
    std::printf("%s on %s: %.4f ms\n", std::string(name).c_str(), device->info().name.c_str(),
                1e3 * timer.seconds());
    return 0;
  }
  std::fprintf(stderr, "bench_profile: there is no case %s\n  do:  name one of:\n",
               std::string(name).c_str());
  for (const auto& row : device_cases())
    std::fprintf(stderr, "       %s\n", std::string(row.name).c_str());
  return 2;
}

}  // namespace
}  // namespace fedfuse::bench

int main(int argc, char** argv) {
  try {
    return fedfuse::bench::run(argc == 2 ? argv[1] : "");
  } catch (const fedfuse::InputError& e) {
    std::fprintf(stderr, "bench_profile: %s\n", e.what());
    return 2;
  }
}
