#include "core/gpu/simt.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "core/error.hpp"
#include "core/gpu/shared_stores.hpp"
#include "core/gpu/simt_thread.hpp"
#include "core/text.hpp"

namespace fedfuse::simt {
namespace {

thread_local Schedule current_schedule;
#ifdef FEDFUSE_TSAN
constexpr bool tsan_watches = true;
#else
constexpr bool tsan_watches = false;
#endif

// One block at a time; its fibers are reused by the next one.
class Block {
 public:
  Block(Dim grid, unsigned threads, std::size_t shared_bytes, const std::function<void()>& body)
      : grid_(grid),
        threads_(threads),
        warps_((threads + lanes - 1) / lanes),
        order_(threads),
        body_(body),
        shared_bytes_(shared_bytes),
        hides_stores_(!tsan_watches && current_schedule.order != Order::ascending) {
    std::iota(order_.begin(), order_.end(), 0u);
    if (current_schedule.order == Order::descending) std::ranges::reverse(order_);
    random_.seed(current_schedule.seed);
  }

  void run(Dim index);
  void barrier();
  std::uint64_t collective(unsigned mask, Collective what, std::uint64_t value, unsigned source);
  void copy_later(void* to, const void* from);
  void publish(const void* from, std::size_t bytes) {
    if (hides_stores_) stores_.publish(from, bytes);
  }
  [[nodiscard]] LateCopies& copies() { return threads_[running_].copies; }
  [[nodiscard]] void* shared() { return shared_.get(); }
  [[nodiscard]] std::byte* scratch() { return warps_[running_ / lanes].scratch; }
  [[noreturn]] void body_of_thread();

 private:
  void resume(unsigned thread);
  void leave() { threads_[running_].fiber.suspend(main_); }
  void finished();
  void release_barrier();
  bool complete(unsigned warp, unsigned mask);
  void fail(const std::string& what);
  void fence() {
    if (hides_stores_) stores_.publish();
  }

  Dim grid_, index_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<unsigned> order_;
  const std::function<void()>& body_;
  std::size_t shared_bytes_;
  bool hides_stores_;
  std::unique_ptr<std::byte[]> shared_;
  SharedStores stores_;
  std::mt19937 random_;  // NOLINT(bugprone-random-generator-seed): the constructor seeds it
  MainContext main_;
  unsigned running_ = 0, alive_ = 0, waiting_ = 0;
  std::exception_ptr error_;
};

thread_local Block* current = nullptr;

void enter_fiber() { current->body_of_thread(); }

void Block::run(Dim index) {
  index_ = index;
  alive_ = unsigned(threads_.size());
  waiting_ = 0;
  for (auto& warp : warps_) warp.arrived = warp.exited = 0;
  for (auto& thread : threads_) {
    thread.state = State::fresh;
    thread.copies = {};
  }
  // Exactly as large as asked for, so that ASan sees the end; NaN and huge integers, so that a read
  // before a write shows.
  shared_ = std::make_unique_for_overwrite<std::byte[]>(std::max<std::size_t>(shared_bytes_, 1));
  std::memset(shared_.get(), 0xFF, shared_bytes_);
  if (hides_stores_) stores_.start(shared_.get(), shared_bytes_);
  current = this;
  main_.publish();
  while (alive_ > 0 && !error_) {
    bool progress = false;
    if (current_schedule.order == Order::shuffled)
      std::shuffle(order_.begin(), order_.end(), random_);
    for (const auto t : order_)
      if (threads_[t].state <= State::ready) {
        progress = true;
        resume(t);
        if (error_) break;
      }
    if (!progress && !error_) fail("threads wait at barriers that the others never reach");
  }
  main_.collect();
  current = nullptr;
  if (error_) std::rethrow_exception(error_);
}

void Block::resume(unsigned t) {
  auto& thread = threads_[t];
  if (thread.state == State::fresh) {
    thread.fiber.start(enter_fiber);
    thread.state = State::ready;
  }
  running_ = t;
  threadIdx = {t, 0, 0};
  blockIdx = index_;
  blockDim = {unsigned(threads_.size()), 1, 1};
  gridDim = grid_;
  thread.fiber.resume(main_);
}

void Block::body_of_thread() {
  main_.observe();
  try {
    body_();
  } catch (...) {
    if (!error_) error_ = std::current_exception();
  }
  main_.report();
  finished();
  threads_[running_].fiber.finish(main_);
}

void Block::finished() {
  auto& warp = warps_[running_ / lanes];
  fence();
  threads_[running_].state = State::done;
  --alive_;
  warp.exited |= 1u << running_ % lanes;
  if (waiting_ > 0 && waiting_ == alive_) release_barrier();
  // a collective that waited for this lane may be complete without it
  const unsigned first = running_ / lanes * lanes;
  for (unsigned t = first; t < std::min<std::size_t>(first + lanes, threads_.size()); ++t)
    if (threads_[t].state == State::at_collective && complete(running_ / lanes, threads_[t].mask))
      break;
}

void Block::release_barrier() {
  waiting_ = 0;
  for (auto& thread : threads_)
    if (thread.state == State::at_barrier) thread.state = State::ready;
}

void Block::barrier() {
  auto& fiber = threads_[running_].fiber;
  fiber.release(main_.barrier_tag(fiber));
  const auto tag = main_.barrier_tag(fiber);
  threads_[running_].state = State::at_barrier;
  fence();
  if (++waiting_ == alive_) release_barrier();
  leave();
  threads_[running_].fiber.acquire(tag);
  main_.next_barrier(threads_[running_].fiber);
}

// True when every live lane of mask has come: all get their result and go on.
bool Block::complete(unsigned warp, unsigned mask) {
  auto& w = warps_[warp];
  const unsigned needed = mask & ~w.exited;
  if ((w.arrived & needed) != needed) return false;
  Thread* lane = &threads_[std::size_t(warp) * lanes];
  std::uint64_t ballot = 0;
  for (unsigned i = 0; i < lanes; ++i) {
    if ((needed >> i & 1) == 0) continue;
    if (lane[i].mask != mask) {
      fail("lanes of one warp collective gave different masks");
      return false;
    }
    if (lane[i].what == Collective::ballot && lane[i].value != 0) ballot |= 1ull << i;
  }
  for (unsigned i = 0; i < lanes; ++i) {
    if ((needed >> i & 1) == 0) continue;
    // a lane outside the mask reads poison
    const bool readable = (needed >> lane[i].source & 1) != 0;
    if (lane[i].what == Collective::ballot) lane[i].result = ballot;
    if (lane[i].what == Collective::read)
      lane[i].result = readable ? lane[lane[i].source].value : ~0ull;
    if (lane[i].state == State::at_collective) lane[i].state = State::ready;
  }
  w.arrived &= ~needed;
  return true;
}

std::uint64_t Block::collective(unsigned mask, Collective what, std::uint64_t value,
                                unsigned source) {
  auto& thread = threads_[running_];
  const unsigned warp = running_ / lanes, lane = running_ % lanes;
  if ((mask >> lane & 1) == 0) fail("a lane calls a collective whose mask leaves it out");
  thread.what = what;
  thread.value = value;
  thread.source = source % lanes;
  thread.mask = mask;
  warps_[warp].arrived |= 1u << lane;
  const bool fences = what == Collective::sync;
  if (fences) {
    fence();
    thread.fiber.release(warps_[warp].scratch);
  }
  if (error_ || !complete(warp, mask)) {
    thread.state = State::at_collective;
    const bool hides = hides_stores_ && !fences;
    if (hides) stores_.hide(thread.stores);
    leave();
    if (hides) stores_.show(thread.stores);
  }
  if (fences) thread.fiber.acquire(warps_[warp].scratch);
  return thread.result;
}

void Block::copy_later(void* to, const void* from) {
  const auto at = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p); };
  const auto begin = at(shared_.get());
  if (at(to) % LateCopies::bytes != 0 || at(from) % LateCopies::bytes != 0)
    return fail("an asynchronous copy has an address that is no multiple of 16");
  if (at(to) < begin || at(to) + LateCopies::bytes > begin + shared_bytes_)
    return fail("an asynchronous copy ends outside the shared memory");
  copies().issue(to, from);
}

void Block::fail(const std::string& what) {
  if (!error_)
    error_ = std::make_exception_ptr(InternalError(
        cat("emulated kernel: ", what, " (block ", index_.x, ", thread ", running_, ")")));
}

Dim block_index(Dim grid, std::uint64_t k) {
  return {unsigned(k % grid.x), unsigned(k / grid.x % grid.y), unsigned(k / grid.x / grid.y)};
}

}  // namespace

void set_schedule(const Schedule& schedule) { current_schedule = schedule; }
Schedule schedule() { return current_schedule; }

void launch(Dim grid, unsigned block, std::size_t shared_bytes, const std::function<void()>& body) {
  const std::uint64_t blocks = std::uint64_t(grid.x) * grid.y * grid.z;
  const Schedule schedule = current_schedule;
  std::atomic<std::uint64_t> next{0};
  std::vector<std::exception_ptr> errors(std::size_t(std::max(1, schedule.workers)));
  const auto work = [&](std::size_t worker) {
    try {
      set_schedule(schedule);
      Block emulated(grid, block, shared_bytes, body);
      for (std::uint64_t k = next++; k < blocks; k = next++) emulated.run(block_index(grid, k));
    } catch (...) {
      errors[worker] = std::current_exception();
    }
  };
  std::vector<std::jthread> others;
  for (std::size_t w = 1; w < errors.size() && w < blocks; ++w) others.emplace_back(work, w);
  work(0);
  others.clear();
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
}

void barrier() { current->barrier(); }
void warp_sync(unsigned mask) { (void)current->collective(mask, Collective::sync, 0, 0); }
unsigned warp_ballot(unsigned mask, bool vote) {
  return unsigned(current->collective(mask, Collective::ballot, vote ? 1 : 0, 0));
}
std::uint64_t warp_read(unsigned mask, std::uint64_t value, unsigned lane) {
  return current->collective(mask, Collective::read, value, lane);
}
void copy_later(void* to, const void* from) { current->copy_later(to, from); }
void end_copy_group() { current->copies().end_group(); }
void wait_for_copies(unsigned pending) {
  current->copies().wait(pending + current_schedule.waits_short);
}
void publish(const void* from, std::size_t bytes) { current->publish(from, bytes); }
void* shared_memory() { return current->shared(); }
std::byte* warp_scratch() { return current->scratch(); }

}  // namespace fedfuse::simt
