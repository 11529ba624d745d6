// AArch64: NEON.
#include "support/vector_loops.hpp"

#if defined(__aarch64__)

#include <array>

// .irp repeats the lines up to .endr with c = 0, 1, ..; the assembler unrolls the loops.
#define FEDFUSE_EACH_LOAD ".irp c,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
#define FEDFUSE_EACH_CHAIN \
  ".irp c,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23\n\t"
#define FEDFUSE_END "\n\t.endr\n\t"

// clang-format off
#define FEDFUSE_V_0_TO_15                                                                        \
  "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", \
  "v15"

// x is in register 24, y in 25, the chains are in those before.
extern "C" __attribute__((noinline)) void fedfuse_bench_fma_128(std::int64_t steps, float x,
                                                                float y, float* out) {
  asm volatile("dup v24.4s, %[x].s[0]\n\t"
               "dup v25.4s, %[y].s[0]\n\t"
               FEDFUSE_EACH_CHAIN "mov v\\c\\().16b, v25.16b" FEDFUSE_END
               ".p2align 6\n"
               "1:\n\t"
               FEDFUSE_EACH_CHAIN "fmla v\\c\\().4s, v24.4s, v25.4s" FEDFUSE_END
               "subs %[steps], %[steps], #1\n\t"
               "b.ne 1b\n\t"
               FEDFUSE_EACH_CHAIN "str q\\c, [%[out], #16*\\c]" FEDFUSE_END
               : [steps] "+r"(steps)
               : [x] "w"(x), [y] "w"(y), [out] "r"(out)
               : "cc", "memory", FEDFUSE_V_0_TO_15, "v16", "v17", "v18", "v19", "v20", "v21", "v22",
                 "v23", "v24", "v25");
}

extern "C" __attribute__((noinline)) void fedfuse_bench_read_128(const float* from,
                                                                 std::size_t bytes,
                                                                 std::int64_t passes) {
  const char* const end = reinterpret_cast<const char*>(from) + bytes;
  const char* at = nullptr;
  asm volatile("2:\n\t"
               "mov %[at], %[from]\n\t"
               ".p2align 6\n"
               "1:\n\t"
               FEDFUSE_EACH_LOAD "ldr q\\c, [%[at], #16*\\c]" FEDFUSE_END
               "add %[at], %[at], #256\n\t"
               "cmp %[at], %[end]\n\t"
               "b.ne 1b\n\t"
               "subs %[passes], %[passes], #1\n\t"
               "b.ne 2b\n\t"
               : [at] "+&r"(at), [passes] "+&r"(passes)
               : [from] "r"(from), [end] "r"(end)
               : "cc", "memory", FEDFUSE_V_0_TO_15);
}
// clang-format on

namespace fedfuse::bench {

std::span<const VectorLoops> vector_loops() {
  static constexpr std::array<VectorLoops, 1> table{{
      {.name = "128",
       .bits = 128,
       .fused = true,
       .fma = fedfuse_bench_fma_128,
       .read = fedfuse_bench_read_128,
       .runs_here = [] { return true; },
       .fma_symbol = "fedfuse_bench_fma_128",
       .read_symbol = "fedfuse_bench_read_128"},
  }};
  return table;
}

}  // namespace fedfuse::bench

#endif
