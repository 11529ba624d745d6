#include "support/ceilings.hpp"

#include <omp.h>
#include <sched.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "core/matrix.hpp"
#include "core/timer.hpp"

namespace fedfuse::bench {
namespace {

constexpr std::size_t mebibyte = std::size_t(1) << 20;

// Best rate of several short runs: interference only ever slows down.
template <class Work>
double best_rate(double amount, double (*seconds)(), Work&& work) {
  work();
  double best = 0;
  for (int run = 0; run < 7; ++run) {
    const double start = seconds();
    work();
    best = std::max(best, amount / (seconds() - start));
  }
  return best;
}

// Bytes that lie in this cache and in none before it, a multiple of a step; 0: there are none.
std::size_t held_in(const Cache& cache, std::size_t before) {
  constexpr std::size_t step = 1024;
  // beyond the one before by enough that it answers little; half of this one: others use it, too
  const auto bytes = before == 0 ? cache.bytes / 2 : std::min(4 * before, cache.bytes / 2);
  return 2 * bytes < 3 * before ? 0 : bytes / step * step;
}

// Bytes from and bytes to of one thread: together beyond its largest cache.
std::size_t copied_by_a_thread(int threads, const std::vector<Cache>& caches) {
  const auto largest = caches.empty() ? 0 : caches.back().bytes;
  const auto wanted = std::max(largest, 64 * mebibyte / std::size_t(threads));
  return std::min(wanted, 512 * mebibyte / std::size_t(threads)) / 64 * 64;
}

}  // namespace

int cores_allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

double measure_flops(const VectorLoops& loops) {
  constexpr std::int64_t steps = 1 << 20;
  std::vector<float> out(std::size_t(fma_chains * loops.lanes()));
  // neither 0 nor denormal numbers on the way
  return best_rate(loops.flops_a_step() * double(steps), thread_cpu_seconds,
                   [&] { loops.fma(steps, 0.999999f, 1e-6f, out.data()); });
}

double measure_gemm() {
  constexpr int n = 512;
  const Eigen::MatrixXf a = Eigen::MatrixXf::Constant(n, n, 0.5f);
  const Eigen::MatrixXf b = Eigen::MatrixXf::Constant(n, n, 0.25f);
  Eigen::MatrixXf c(n, n);
  const double rate = best_rate(2.0 * n * n * n, thread_cpu_seconds, [&] { c.noalias() = a * b; });
  volatile float sink = c(1, 1);
  (void)sink;
  return rate;
}

double measure_copy(int threads, const std::vector<Cache>& caches) {
  const auto share = copied_by_a_thread(threads, caches);
  const auto all = share * std::size_t(threads);
  const auto from = std::make_unique_for_overwrite<std::byte[]>(all);
  const auto to = std::make_unique_for_overwrite<std::byte[]>(all);
  // each thread's share lies in its own memory: it writes it first
  const auto each = [&](auto&& work) {
#pragma omp parallel num_threads(threads)
    work(std::size_t(omp_get_thread_num()) * share);
  };
  each([&](std::size_t at) { std::memset(from.get() + at, 1, share); });
  const auto copy = [&](std::size_t at) { std::memcpy(to.get() + at, from.get() + at, share); };
  const auto seconds = threads == 1 ? thread_cpu_seconds : now_seconds;
  return best_rate(2.0 * double(all), seconds, [&] { each(copy); });
}

std::vector<CacheCeiling> measure_reads(const std::vector<Cache>& caches) {
  constexpr std::size_t read_in_all = 256 * mebibyte;
  std::vector<CacheCeiling> measured;
  std::size_t before = 0;
  for (const auto& cache : caches) {
    const auto bytes = held_in(cache, before);
    if (bytes == 0) continue;
    before = cache.bytes;
    const Array<float> data(bytes / sizeof(float), 1.0f);
    const auto passes = std::max<std::size_t>(1, read_in_all / bytes);
    const auto rate = best_rate(double(bytes * passes), thread_cpu_seconds, [&] {
      widest_loops().read(data.data(), bytes, std::int64_t(passes));
    });
    measured.push_back({cache, rate});
  }
  return measured;
}

double copy_bytes(int threads) {
  static std::map<int, double> of_threads;
  const auto known = of_threads.find(threads);
  if (known != of_threads.end()) return known->second;
  return of_threads[threads] = measure_copy(threads, read_caches());
}

const Ceilings& ceilings() {
  static const Ceilings measured = [] {
    Ceilings top;
    for (const auto& loops : vector_loops())
      if (loops.runs_here()) top.fma.push_back({loops.name, loops.bits, measure_flops(loops)});
    top.gemm_flops = measure_gemm();
    top.copy_bytes = copy_bytes(1);
    top.caches = measure_reads(read_caches());
    return top;
  }();
  return measured;
}

}  // namespace fedfuse::bench
