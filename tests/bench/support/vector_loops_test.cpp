// The loops behind the ceilings do what their FLOP and bytes say: by their results, by the pages
// that they touch, and by the machine code.
#include "support/vector_loops.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/bench/support/disassembly.hpp"

namespace fedfuse::bench {
namespace {

constexpr float x = 0.999999f, y = 1e-6f;

float after_a_step(const VectorLoops& loops, float a) {
#ifdef __aarch64__
  return std::fma(x, y, a);
#else
  if (loops.fused) return std::fma(a, x, y);
  volatile const float product = a * x;  // rounded twice
  return product + y;
#endif
}

TEST(VectorLoops, EveryLaneOfEveryChainIsComputed) {
  for (const auto& loops : vector_loops()) {
    if (loops.fused && !loops.runs_here()) continue;
    for (const int steps : {1, 2, 7}) {
      constexpr float unset = std::numeric_limits<float>::quiet_NaN();
      std::vector<float> out(std::size_t(fma_chains * loops.lanes()) + 1, unset);
      loops.fma(steps, x, y, out.data());
      float expected = y;
      for (int step = 0; step < steps; ++step) expected = after_a_step(loops, expected);
      for (std::size_t lane = 0; lane + 1 < out.size(); ++lane)
        ASSERT_EQ(out[lane], expected) << loops.fma_symbol << ", " << steps << " steps, " << lane;
      EXPECT_TRUE(std::isnan(out.back())) << loops.fma_symbol << " writes beyond its chains";
    }
  }
}

// Pages with one that cannot be read at either end.
class GuardedPages {
 public:
  explicit GuardedPages(std::size_t pages)
      : page_(std::size_t(sysconf(_SC_PAGESIZE))), bytes_((pages + 2) * page_) {
    memory_ =
        static_cast<char*>(mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(mprotect(memory_ + page_, bytes_ - 2 * page_, PROT_READ | PROT_WRITE), 0);
  }
  ~GuardedPages() { munmap(memory_, bytes_); }
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;
  [[nodiscard]] const float* data() const {
    return reinterpret_cast<const float*>(memory_ + page_);
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_ - 2 * page_; }

 private:
  std::size_t page_, bytes_;
  char* memory_;
};

TEST(VectorLoops, ReadsStayWithinTheirBytes) {
  const GuardedPages pages(2);
  for (const auto& loops : vector_loops())
    if (loops.runs_here()) {
      ASSERT_EQ(pages.bytes() % loops.step_bytes(), 0u);
      loops.read(pages.data(), pages.bytes(), 3);
    }
}

TEST(VectorLoops, WidestIsTheLastThatRunsHere) {
  const auto all = vector_loops();
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &VectorLoops::bits));
  EXPECT_TRUE(widest_loops().runs_here());
  for (const auto& loops : all)
    EXPECT_TRUE(!loops.runs_here() || loops.bits <= widest_loops().bits) << loops.fma_symbol;
}

// What an instruction of a loop's vectors is called, and how its registers are.
struct Machine {
  std::vector<std::string> arithmetic;  // one of each a chain
  std::string of_arithmetic;            // the beginning of a register's name
  std::string load, of_load;
};

Machine machine_of(const VectorLoops& loops) {
#ifdef __aarch64__
  return {{"fmla"}, loops.bits == 128 ? "v" : "?", "ldr", "q"};
#else
  const std::string r = loops.bits == 512 ? "%zmm" : loops.bits == 256 ? "%ymm" : "%xmm";
  if (!loops.fused) return {{"mulps", "addps"}, r, "movaps", r};
  return {{"vfmadd213ps"}, r, loops.bits == 128 ? "movaps" : "vmovaps", r};
#endif
}

std::ptrdiff_t count_of(const std::vector<test::Instruction>& loop, const std::string& name,
                        const std::string& in) {
  return std::ranges::count_if(loop, [&](const test::Instruction& one) {
    return one.name == name && one.operands.find(in) != std::string::npos;
  });
}

std::vector<VectorLoops> loops_of_assembly() {
  std::vector<VectorLoops> found;
  for (const auto& loops : vector_loops())
    if (*loops.fma_symbol != '\0') found.push_back(loops);
  return found;
}

// The counting needs objdump and the symbols.
std::string why_no_code() {
  const auto all = loops_of_assembly();
  if (all.empty()) return "this architecture has no loops of assembly";
  if (!test::loop_of(all.front().fma_symbol)) return "objdump shows no code of this program";
  return "";
}

TEST(VectorLoops, TheCodeOfAStepHasOneInstructionAChain) {
  if (const auto why = why_no_code(); !why.empty()) GTEST_SKIP() << why;
  for (const auto& loops : loops_of_assembly()) {
    const auto loop = test::loop_of(loops.fma_symbol);
    ASSERT_TRUE(loop) << loops.fma_symbol;
    const auto machine = machine_of(loops);
    for (const auto& name : machine.arithmetic)
      EXPECT_EQ(count_of(*loop, name, machine.of_arithmetic), fma_chains)
          << loops.fma_symbol << ": " << name;
    // the counter and the jump are all that is left
    EXPECT_EQ(loop->size(), fma_chains * machine.arithmetic.size() + 2) << loops.fma_symbol;
  }
}

TEST(VectorLoops, TheCodeOfAReadHasItsLoads) {
  if (const auto why = why_no_code(); !why.empty()) GTEST_SKIP() << why;
  for (const auto& loops : loops_of_assembly()) {
    const auto loop = test::loop_of(loops.read_symbol);
    ASSERT_TRUE(loop) << loops.read_symbol;
    const auto machine = machine_of(loops);
    EXPECT_EQ(count_of(*loop, machine.load, machine.of_load), read_loads) << loops.read_symbol;
    // the addition, the comparison and the jump are all that is left
    EXPECT_EQ(loop->size(), read_loads + 3u) << loops.read_symbol;
    char step[32];
    std::snprintf(step, sizeof step, "0x%zx", loops.step_bytes());
    EXPECT_EQ(count_of(*loop, "add", step), 1) << loops.read_symbol;
  }
}

}  // namespace
}  // namespace fedfuse::bench
