// Every device case cold (caches overwritten before each launch) and hot, in the device's own time,
// beside what the device gave in this process: a copy (of_copy), the same of random rows
// of 256 bytes (of_gather), multiply-adds in registers
// (of_fma, the unit's peak), and where cuBLAS is there its products in float (of_sgemm) and on
// tensor cores (of_tensor). Without a device, or where it cannot hold a problem, the rows say so.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/gpu/device.hpp"
#include "core/text.hpp"
#include "device/device_case.hpp"
#include "device/device_ceilings.hpp"

namespace fedfuse::bench {
namespace {

// What all rows share; made at the first row that runs.
struct Bench {
  std::shared_ptr<gpu::Device> device = bench_device();
  DeviceCeilings top = device ? measure_device(device) : DeviceCeilings{};
};
const Bench& shared_bench() {
  static const Bench bench;
  return bench;
}

void report(benchmark::State& state, const DeviceCase& problem, const DeviceCeilings& top,
            std::string_view counts) {
  using benchmark::Counter;
  const auto rate = [](double x) { return Counter(x, Counter::kIsIterationInvariantRate); };
  state.counters["FLOP"] = problem.flops;
  state.counters["bytes"] = problem.bytes;
  state.counters["FLOP/s"] = rate(problem.flops);
  state.counters["B/s"] = rate(problem.bytes);
  state.counters[std::string(counts) + "/s"] = rate(problem.count);
  if (top.copy_bytes <= 0) return;
  state.counters["of_copy"] = rate(problem.bytes / top.copy_bytes);
  state.counters["of_gather"] = rate(problem.bytes / top.gather_bytes);
  state.counters["of_fma"] = rate(problem.flops / top.fma_flops);
  state.counters["ceiling_copy_B/s"] = top.copy_bytes;
  state.counters["ceiling_gather_B/s"] = top.gather_bytes;
  state.counters["ceiling_fma_FLOP/s"] = top.fma_flops;
  if (!top.no_blas.empty()) return;
  state.counters["of_sgemm"] = rate(problem.flops / top.sgemm_flops);
  state.counters["of_tensor"] = rate(problem.flops / top.tensor_flops);
  state.counters["ceiling_sgemm_FLOP/s"] = top.sgemm_flops;
  state.counters["ceiling_tensor_FLOP/s"] = top.tensor_flops;
}

// The problem of a row: made once for its cold and hot rows and all their repetitions, which come
// one after the other; the host works on one for seconds. The one before goes first: two need not
// fit the device.
const DeviceCase& problem_of(const DeviceCaseRow& row) {
  static const DeviceCaseRow* made = nullptr;
  static DeviceCase problem;
  if (made == &row) return problem;
  made = nullptr;
  problem = {};
  const auto& device = shared_bench().device;
  problem = row.make(device, device->info().emulated);
  made = &row;
  return problem;
}

// The device, each kernel of a launch with the blocks that a multiprocessor has of it at once (what
// fits, and no more than the grid gives it), and what is missing.
std::string label(const gpu::Device& device, const DeviceCeilings& top,
                  const std::vector<gpu::LaunchFacts>& launches) {
  std::string text = device.info().name;
  std::set<std::string> named;
  for (const auto& launch : launches) {
    if (launch.fit == 0) continue;
    const double given = double(launch.blocks) / device.info().multiprocessors;
    const auto words = cat("; ", launch.kernel, " ", launch.threads, " threads, ",
                           std::min(double(launch.fit), given), " blocks/SM");
    if (named.insert(words).second) text += words;
  }
  return top.no_blas.empty() ? text : cat(text, "; no of_sgemm and of_tensor: ", top.no_blas);
}

void device_kernel(benchmark::State& state, const DeviceCaseRow& row, bool cold) {
  const auto& [device, top] = shared_bench();
  if (device == nullptr) {
    state.SkipWithError(("skipped: " + gpu::why_none()).c_str());
    return;
  }
  gpu::Stream stream(device);
  gpu::Timer timer(stream);
  std::vector<gpu::LaunchFacts> launches;
  stream.list_launches(&launches);
  const auto& problem = problem_of(row);
  timer.start();
  problem.launch(stream);
  timer.stop();  // the warm-up: code is loaded, clocks rise
  stream.list_launches(nullptr);
  state.counters["warm_up_ms"] = 1e3 * timer.seconds();
  constexpr std::size_t beyond_caches = std::size_t(256) << 20;
  gpu::Buffer<std::uint8_t> other(device, cold && !device->info().emulated ? beyond_caches : 0);
  for (auto _ : state) {
    if (cold) other.fill_bytes(1, stream);
    timer.start();
    problem.launch(stream);
    timer.stop();
    state.SetIterationTime(timer.seconds());
  }
  report(state, problem, top, row.counts);
  state.SetLabel(label(*device, top, launches));
}

// A row that this machine cannot have says why, and the next one goes on.
void device_kernel_or_reason(benchmark::State& state, const DeviceCaseRow& row, bool cold) {
  try {
    device_kernel(state, row, cold);
  } catch (const InputError& e) {
    state.SkipWithError((std::string("skipped: ") + e.what()).c_str());
  }
}

const bool registered = [] {
  for (const auto& row : device_cases())
    for (const bool cold : {false, true})
      benchmark::RegisterBenchmark(
          (std::string(row.name) + (cold ? "/cold" : "/hot")).c_str(),
          [&row, cold](benchmark::State& state) { device_kernel_or_reason(state, row, cold); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
}  // namespace fedfuse::bench
