#pragma once
// Wall-clock seconds by phase of a round; a profiler sees the phases as ranges.
#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>

#include "core/gpu/time_line.hpp"

namespace fedfuse {

enum class Phase : std::size_t {
  sampling,
  training,
  aggregation,
  grouping,
  views,
  teacher,
  evaluation,
  commit,
  output,
  count
};
inline constexpr std::size_t phase_count = std::size_t(Phase::count);
inline constexpr std::array<const char*, phase_count> phase_names{
    "sampling", "training",   "aggregation", "grouping", "views",
    "teacher",  "evaluation", "commit",      "output"};

inline double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// CPU seconds of the calling thread: a busy machine changes them less than wall seconds.
inline double thread_cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

// Adds what its thread takes while it lives.
class CpuClock {
 public:
  explicit CpuClock(double& to) : to_(to), start_(thread_cpu_seconds()) {}
  CpuClock(const CpuClock&) = delete;
  CpuClock& operator=(const CpuClock&) = delete;
  ~CpuClock() { to_ += thread_cpu_seconds() - start_; }

 private:
  double& to_;
  double start_;
};

class PhaseTimer {
 public:
  template <class Work>
  auto time(Phase phase, Work&& work) {
    const Scope scope{*this, phase, gpu::TimeLineRange(phase_names[std::size_t(phase)]),
                      now_seconds()};
    return work();
  }
  void clear() { seconds_ = {}; }
  [[nodiscard]] double seconds(Phase phase) const { return seconds_[std::size_t(phase)]; }
  [[nodiscard]] double total() const {
    double sum = 0;
    for (const double s : seconds_) sum += s;
    return sum;
  }

 private:
  struct Scope {  // NOLINT(cppcoreguidelines-special-member-functions): an aggregate
    PhaseTimer& timer;
    Phase phase;
    gpu::TimeLineRange shown;
    double start;
    ~Scope() { timer.seconds_[std::size_t(phase)] += now_seconds() - start; }
  };
  std::array<double, phase_count> seconds_{};
};

}  // namespace fedfuse
