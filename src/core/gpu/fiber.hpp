#pragma once
// A fiber: a stack and a saved stack pointer. The switch is eight instructions; ucontext's, with
// its two system calls, is a hundred times slower and serves processors other than x86-64. ASan and
// TSan are told of every switch.
#include <cstddef>

namespace fedfuse::simt {

class Fiber;

// The OS thread that resumes fibers.
class MainContext {
 public:
  MainContext();
  // TSan: what the main context wrote before is seen by fibers that observe, and what they report
  // is seen after collect.
  void publish();
  void observe();
  void report();
  void collect();
  // Two alternating addresses that stand for "before barrier n" and "before barrier n + 1".
  [[nodiscard]] void* barrier_tag(const Fiber& fiber);
  void next_barrier(Fiber& fiber);

 private:
  friend class Fiber;
  void* stack_pointer_ = nullptr;
  // for sanitizers only
  [[maybe_unused]] void* asan_fake_stack_ = nullptr;
  [[maybe_unused]] const void* bottom_ = nullptr;
  [[maybe_unused]] std::size_t size_ = 0;
  [[maybe_unused]] void* tsan_ = nullptr;
  char tags_[4] = {};
};

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  Fiber(Fiber&& other) noexcept;
  Fiber& operator=(Fiber&&) = delete;

  // the next resume calls entry on this fiber's stack; entry never returns
  void start(void (*entry)());
  void resume(MainContext& main);               // main -> fiber
  void suspend(MainContext& main);              // fiber -> main; returns at the next resume
  [[noreturn]] void finish(MainContext& main);  // the last suspend
  void release(void* tag);                      // TSan: a happens-before edge from here ...
  void acquire(void* tag);                      // ... to there

 private:
  friend class MainContext;
  static constexpr std::size_t stack_bytes = 256 << 10;  // reserved, not used, until touched
  std::byte* stack_ = nullptr;
  void* stack_pointer_ = nullptr;
  void* asan_fake_stack_ = nullptr;
  void* tsan_ = nullptr;
  unsigned barriers_ = 0;
};

}  // namespace fedfuse::simt
