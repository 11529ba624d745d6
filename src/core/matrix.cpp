#include "core/matrix.hpp"

#include <sys/mman.h>

#include <new>

namespace fedfuse {
namespace {

constexpr std::size_t line = 64, huge_page = std::size_t(2) << 20, large = 2 * huge_page;  // large: less would leave much of a page unused

std::align_val_t alignment_of(std::size_t bytes) { return std::align_val_t{bytes >= large ? huge_page : line}; }

}  // namespace

void* allocate_aligned(std::size_t bytes) {
  void* block = ::operator new(bytes, alignment_of(bytes));
  if (bytes >= large) (void)madvise(block, bytes, MADV_HUGEPAGE);  // a wish: without it everything works
  return block;
}

void free_aligned(void* block, std::size_t bytes) noexcept { ::operator delete(block, alignment_of(bytes)); }

}  // namespace fedfuse
