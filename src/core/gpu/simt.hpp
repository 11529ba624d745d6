#pragma once
// CUDA kernels on the CPU, thread by thread: one fiber per CUDA thread, a barrier or a warp
// collective switches fibers. It executes the same kernel sources that nvcc compiles, so their
// logic is tested without a GPU; it does not measure speed. What it catches: accesses out
// of bounds (ASan sees shared memory, which is a heap block of the exact size, poisoned with NaN),
// missing barriers (results differ between the three schedule orders; TSan names the line),
// barriers that some threads never reach, lanes missing from a collective, data of an asynchronous
// copy that nobody waited for, and stores to shared memory that only a shuffle or a ballot stands
// behind (shared_stores.hpp; in the orders other than ascending, and under TSan). Limits: 1-D
// blocks; no inline PTX; stores to global memory are seen at once.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

namespace fedfuse::simt {

struct Dim {
  unsigned x = 1, y = 1, z = 1;
};

// In which order ready threads of a block run. A right kernel gives the same result in all of them.
// Ascending is the fast one: its shuffles and ballots act as fences too.
enum class Order : int { ascending, descending, shuffled };
struct Schedule {
  Order order = Order::ascending;
  unsigned seed = 1;  // of the shuffled order
  int workers = 1;    // OS threads that share the blocks of a grid
  // Groups of copies that every wait_for_copies leaves out: kernels with a wait that is too short,
  // for tests of the tests.
  unsigned waits_short = 0;
};
// Of the launches that this OS thread makes from now on. Tests set it; the program uses workers
// only.
void set_schedule(const Schedule& schedule);
[[nodiscard]] Schedule schedule();

// Runs body once per CUDA thread. Throws InternalError for a deadlock or a collective whose lanes
// disagree.
void launch(Dim grid, unsigned block, std::size_t shared_bytes, const std::function<void()>& body);

// What a kernel body may call; meaningful inside launch only.
void barrier();
void warp_sync(unsigned mask);
[[nodiscard]] unsigned warp_ballot(unsigned mask, bool vote);
// value of another lane of mask
[[nodiscard]] std::uint64_t warp_read(unsigned mask, std::uint64_t value, unsigned lane);
[[nodiscard]] void* shared_memory();
// An atomic has changed these bytes: all threads see them.
void publish(const void* from, std::size_t bytes);
// cp.async of 16 bytes, as late as CUDA allows: `to`, in shared memory, is poisoned until the
// calling thread waits for the group of the copy; null: zeros. Both addresses are multiples of 16.
void copy_later(void* to, const void* from);
void end_copy_group();
void wait_for_copies(unsigned pending);  // but the last `pending` groups
// warp_scratch_bytes that the twins of warp-wide instructions use
[[nodiscard]] std::byte* warp_scratch();
inline constexpr std::size_t warp_scratch_bytes = 8192;

template <class T>
T warp_read_as(unsigned mask, T value, unsigned lane) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = warp_read(mask, bits, lane);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace fedfuse::simt

// CUDA's built-in variables; the scheduler sets them whenever it switches threads.
inline constinit thread_local fedfuse::simt::Dim threadIdx{0, 0, 0}, blockIdx{0, 0, 0}, blockDim{},
    gridDim{};
