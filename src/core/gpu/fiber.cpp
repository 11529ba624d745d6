#include "core/gpu/fiber.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "core/error.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define FEDFUSE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FEDFUSE_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define FEDFUSE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FEDFUSE_TSAN 1
#endif
#endif
#ifdef FEDFUSE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FEDFUSE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__x86_64__)
// fedfuse_switch(save, load): the callee-saved registers on the old stack, its pointer in *save, on
// with `load`. Ends in a jump, not a return, which the processor would predict wrongly.
extern "C" void fedfuse_switch(void** save, void* load);
asm(R"(
.text
.globl fedfuse_switch
.type fedfuse_switch,@function
fedfuse_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp,(%rdi)
  mov %rsi,%rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  pop %rdx
  jmp *%rdx
.size fedfuse_switch,.-fedfuse_switch
.section .note.GNU-stack,"",@progbits
.text
)");
#else
#include <ucontext.h>
#endif

namespace fedfuse::simt {
namespace {
#if defined(__x86_64__)
void switch_context(void** save, void* load) { fedfuse_switch(save, load); }

void* prepare_stack(std::byte* stack, std::size_t bytes, void (*entry)()) {
  constexpr int saved_registers = 6;
  // rsp % 16 == 8 at entry, as after a call
  void** top = reinterpret_cast<void**>(stack + bytes) - 2;
  *top = reinterpret_cast<void*>(entry);
  for (int r = 0; r < saved_registers; ++r) *--top = nullptr;
  return static_cast<void*>(top);
}
#else
void switch_context(void** save, void* load) {
  ucontext_t here;
  *save = &here;
  swapcontext(&here, static_cast<ucontext_t*>(load));
}

// The context stands at the low end of the stack, which the fiber hardly ever reaches.
void* prepare_stack(std::byte* stack, std::size_t bytes, void (*entry)()) {
  auto* context = new (stack + 4096) ucontext_t;
  getcontext(context);
  context->uc_stack.ss_sp = stack + 4096 + sizeof(ucontext_t);
  context->uc_stack.ss_size = bytes - 4096 - sizeof(ucontext_t);
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}
#endif

// Stacks of fibers that are gone, kept for the next launch of this thread: three system calls and
// fresh pages each otherwise, more than most launches take. Not under TSan, which would see one
// fiber write where another did.
class Stacks {
 public:
  Stacks() = default;
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  ~Stacks() {
    for (auto* stack : free_) munmap(stack, bytes_);
  }
  std::byte* take(std::size_t bytes) {
    if (!free_.empty()) {
      auto* stack = free_.back();
      free_.pop_back();
      return stack;
    }
    bytes_ = bytes;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mprotect(memory, 4096, PROT_NONE);  // an overflow stops at once
    return static_cast<std::byte*>(memory);
  }
  void give_back(std::byte* stack, std::size_t bytes) {
#ifdef FEDFUSE_TSAN
    constexpr std::size_t most = 0;
#else
    constexpr std::size_t most = 1024;  // the threads of the largest block
#endif
    if (free_.size() < most)
      free_.push_back(stack);
    else
      munmap(stack, bytes);
  }

 private:
  std::vector<std::byte*> free_;
  std::size_t bytes_ = 0;
};
thread_local Stacks stacks;
}  // namespace

MainContext::MainContext() {
#ifdef FEDFUSE_TSAN
  tsan_ = __tsan_get_current_fiber();
#endif
}

void MainContext::publish() {
#ifdef FEDFUSE_TSAN
  __tsan_release(&tags_[2]);
#endif
}
void MainContext::observe() {
#ifdef FEDFUSE_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &bottom_, &size_);
#endif
#ifdef FEDFUSE_TSAN
  __tsan_acquire(&tags_[2]);
#endif
}
void MainContext::report() {
#ifdef FEDFUSE_TSAN
  __tsan_release(&tags_[3]);
#endif
}
void MainContext::collect() {
#ifdef FEDFUSE_TSAN
  __tsan_acquire(&tags_[3]);
#endif
}
void* MainContext::barrier_tag(const Fiber& fiber) { return &tags_[fiber.barriers_ & 1]; }
void MainContext::next_barrier(Fiber& fiber) { ++fiber.barriers_; }

Fiber::Fiber() {
  stack_ = stacks.take(stack_bytes);
#ifdef FEDFUSE_ASAN
  // a fiber that never ended may have left its marks on these addresses
  ASAN_UNPOISON_MEMORY_REGION(stack_, stack_bytes);
#endif
#ifdef FEDFUSE_TSAN
  tsan_ = __tsan_create_fiber(0);
#endif
}

Fiber::Fiber(Fiber&& other) noexcept
    : stack_(std::exchange(other.stack_, nullptr)),
      stack_pointer_(other.stack_pointer_),
      tsan_(std::exchange(other.tsan_, nullptr)) {}

Fiber::~Fiber() {
#ifdef FEDFUSE_TSAN
  if (tsan_ != nullptr) __tsan_destroy_fiber(tsan_);
#endif
  if (stack_ != nullptr) stacks.give_back(stack_, stack_bytes);
}

void Fiber::start(void (*entry)()) {
  barriers_ = 0;
  asan_fake_stack_ = nullptr;
  stack_pointer_ = prepare_stack(stack_, stack_bytes, entry);
}

void Fiber::resume(MainContext& main) {
#ifdef FEDFUSE_ASAN
  __sanitizer_start_switch_fiber(&main.asan_fake_stack_, stack_, stack_bytes);
#endif
#ifdef FEDFUSE_TSAN
  __tsan_switch_to_fiber(tsan_, 1);
#endif
  switch_context(&main.stack_pointer_, stack_pointer_);
#ifdef FEDFUSE_ASAN
  __sanitizer_finish_switch_fiber(main.asan_fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::suspend(MainContext& main) {
#ifdef FEDFUSE_ASAN
  __sanitizer_start_switch_fiber(&asan_fake_stack_, main.bottom_, main.size_);
#endif
#ifdef FEDFUSE_TSAN
  __tsan_switch_to_fiber(main.tsan_, 1);
#endif
  switch_context(&stack_pointer_, main.stack_pointer_);
#ifdef FEDFUSE_ASAN
  __sanitizer_finish_switch_fiber(asan_fake_stack_, &main.bottom_, &main.size_);
#endif
}

void Fiber::finish(MainContext& main) {
#ifdef FEDFUSE_ASAN
  __sanitizer_start_switch_fiber(nullptr, main.bottom_, main.size_);
#endif
#ifdef FEDFUSE_TSAN
  __tsan_switch_to_fiber(main.tsan_, 1);
#endif
  switch_context(&stack_pointer_, main.stack_pointer_);
  std::abort();  // a finished fiber is never resumed
}

void Fiber::release([[maybe_unused]] void* tag) {
#ifdef FEDFUSE_TSAN
  __tsan_release(tag);
#endif
}
void Fiber::acquire([[maybe_unused]] void* tag) {
#ifdef FEDFUSE_TSAN
  __tsan_acquire(tag);
#endif
}

}  // namespace fedfuse::simt
