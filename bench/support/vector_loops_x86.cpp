// x86-64: SSE2 or FMA with 128 bits, AVX with 256, AVX-512.
#include "support/vector_loops.hpp"

#if defined(__x86_64__)

#include <array>

// .irp repeats the lines up to .endr with c = 0, 1, ..; the assembler unrolls the loops.
#define FEDFUSE_EACH_CHAIN ".irp c,0,1,2,3,4,5,6,7,8,9,10,11\n\t"
#define FEDFUSE_EACH_LOAD ".irp c,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
#define FEDFUSE_END "\n\t.endr\n\t"

// clang-format off
#define FEDFUSE_XMM                                                                              \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",       \
  "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

// x is in register 14, y in 15, the chains are in the others.
// r: the registers' name without the number; size: their bytes.
#define FEDFUSE_FMA(symbol, isa, r, size)                                                        \
  extern "C" __attribute__((target(isa), noinline)) void symbol(std::int64_t steps, float x,     \
                                                                float y, float* out) {           \
    asm volatile("vbroadcastss %[x], %%" r "14\n\t"                                              \
                 "vbroadcastss %[y], %%" r "15\n\t"                                              \
                 FEDFUSE_EACH_CHAIN "vmovaps %%" r "15, %%" r "\\c" FEDFUSE_END                  \
                 ".p2align 6\n"                                                                  \
                 "1:\n\t"                                                                        \
                 FEDFUSE_EACH_CHAIN "vfmadd213ps %%" r "15, %%" r "14, %%" r "\\c" FEDFUSE_END   \
                 "dec %[steps]\n\t"                                                              \
                 "jnz 1b\n\t"                                                                    \
                 FEDFUSE_EACH_CHAIN "vmovups %%" r "\\c, \\c*" size "(%[out])" FEDFUSE_END       \
                 "vzeroupper"                                                                    \
                 : [steps] "+r"(steps)                                                           \
                 : [x] "m"(x), [y] "m"(y), [out] "r"(out)                                        \
                 : "cc", "memory", FEDFUSE_XMM);                                                 \
  }

// load: the instruction; step: bytes of all loads of a step; last: the last instruction.
#define FEDFUSE_READ(symbol, isa, load, r, size, step, last)                                     \
  extern "C" __attribute__((target(isa), noinline)) void symbol(                                 \
      const float* from, std::size_t bytes, std::int64_t passes) {                               \
    const char* const end = reinterpret_cast<const char*>(from) + bytes;                         \
    const char* at = nullptr;                                                                    \
    asm volatile("2:\n\t"                                                                        \
                 "mov %[from], %[at]\n\t"                                                        \
                 ".p2align 6\n"                                                                  \
                 "1:\n\t"                                                                        \
                 FEDFUSE_EACH_LOAD load " \\c*" size "(%[at]), %%" r "\\c" FEDFUSE_END           \
                 "add $" step ", %[at]\n\t"                                                      \
                 "cmp %[end], %[at]\n\t"                                                         \
                 "jne 1b\n\t"                                                                    \
                 "dec %[passes]\n\t"                                                             \
                 "jnz 2b\n\t"                                                                    \
                 last                                                                            \
                 : [at] "+&r"(at), [passes] "+&r"(passes)                                        \
                 : [from] "r"(from), [end] "r"(end)                                              \
                 : "cc", "memory", FEDFUSE_XMM);                                                 \
  }

FEDFUSE_FMA(fedfuse_bench_fma_128, "avx,fma", "xmm", "16")
FEDFUSE_FMA(fedfuse_bench_fma_256, "avx,fma", "ymm", "32")
FEDFUSE_FMA(fedfuse_bench_fma_512, "avx512f", "zmm", "64")
FEDFUSE_READ(fedfuse_bench_read_128, "sse2", "movaps", "xmm", "16", "256", "")
FEDFUSE_READ(fedfuse_bench_read_256, "avx", "vmovaps", "ymm", "32", "512", "vzeroupper")
FEDFUSE_READ(fedfuse_bench_read_512, "avx512f", "vmovaps", "zmm", "64", "1024", "vzeroupper")

// Without FMA and AVX.
extern "C" __attribute__((noinline)) void fedfuse_bench_mul_add_128(std::int64_t steps, float x,
                                                                    float y, float* out) {
  asm volatile("movss %[x], %%xmm14\n\t"
               "shufps $0, %%xmm14, %%xmm14\n\t"
               "movss %[y], %%xmm15\n\t"
               "shufps $0, %%xmm15, %%xmm15\n\t"
               FEDFUSE_EACH_CHAIN "movaps %%xmm15, %%xmm\\c" FEDFUSE_END
               ".p2align 6\n"
               "1:\n\t"
               FEDFUSE_EACH_CHAIN "mulps %%xmm14, %%xmm\\c\n\taddps %%xmm15, %%xmm\\c" FEDFUSE_END
               "dec %[steps]\n\t"
               "jnz 1b\n\t"
               FEDFUSE_EACH_CHAIN "movups %%xmm\\c, \\c*16(%[out])" FEDFUSE_END
               : [steps] "+r"(steps)
               : [x] "m"(x), [y] "m"(y), [out] "r"(out)
               : "cc", "memory", FEDFUSE_XMM);
}
// clang-format on

namespace fedfuse::bench {
namespace {

// The system keeps the registers' upper halves, too, where these say yes.
bool has_fma() { return __builtin_cpu_supports("avx") && __builtin_cpu_supports("fma"); }
bool has_no_fma() { return !has_fma(); }
bool has_avx512() { return has_fma() && __builtin_cpu_supports("avx512f"); }

constexpr std::array<VectorLoops, 4> table{{
    {.name = "128",
     .bits = 128,
     .fused = false,
     .fma = fedfuse_bench_mul_add_128,
     .read = fedfuse_bench_read_128,
     .runs_here = has_no_fma,
     .fma_symbol = "fedfuse_bench_mul_add_128",
     .read_symbol = "fedfuse_bench_read_128"},
    {.name = "128",
     .bits = 128,
     .fused = true,
     .fma = fedfuse_bench_fma_128,
     .read = fedfuse_bench_read_128,
     .runs_here = has_fma,
     .fma_symbol = "fedfuse_bench_fma_128",
     .read_symbol = "fedfuse_bench_read_128"},
    {.name = "256",
     .bits = 256,
     .fused = true,
     .fma = fedfuse_bench_fma_256,
     .read = fedfuse_bench_read_256,
     .runs_here = has_fma,
     .fma_symbol = "fedfuse_bench_fma_256",
     .read_symbol = "fedfuse_bench_read_256"},
    {.name = "512",
     .bits = 512,
     .fused = true,
     .fma = fedfuse_bench_fma_512,
     .read = fedfuse_bench_read_512,
     .runs_here = has_avx512,
     .fma_symbol = "fedfuse_bench_fma_512",
     .read_symbol = "fedfuse_bench_read_512"},
}};

}  // namespace

std::span<const VectorLoops> vector_loops() { return table; }

}  // namespace fedfuse::bench

#endif
