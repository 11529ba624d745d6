#pragma once
// Targets: the instruction sets that the program is built for. A program for the processor of its
// build machine has one, `native`. A portable program has several, and all ranks use the lowest
// level among their machines, because another level rounds in another way.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/choice.hpp"

namespace fedfuse {

// From low to high within a family. The levels of x86-64 are those of its psABI: v2 has SSE4.2, v3
// has AVX2 and FMA, v4 has AVX-512 (F, BW, CD, DQ, VL).
enum class Isa { generic, aarch64, x86_64, x86_64_v2, x86_64_v3, x86_64_v4 };
template <>
inline constexpr auto choice_names<Isa> =
    std::array{Named{Isa::generic, "generic"},     Named{Isa::aarch64, "aarch64"},
               Named{Isa::x86_64, "x86-64"},       Named{Isa::x86_64_v2, "x86-64-v2"},
               Named{Isa::x86_64_v3, "x86-64-v3"}, Named{Isa::x86_64_v4, "x86-64-v4"}};

// What CPUID says, and which registers the system saves (XCR0; 0 where it says nothing).
struct X86Features {
  std::uint32_t leaf1_ecx = 0, leaf7_ebx = 0, extended1_ecx = 0;
  std::uint64_t xcr0 = 0;
};
[[nodiscard]] Isa level_of(const X86Features& features);
// At most the level that the environment variable FEDFUSE_MOST_ISA names, as on a front end whose
// compute nodes are older. InputError when it is no level.
[[nodiscard]] Isa level_of_this_machine();
[[nodiscard]] Isa level_allowed(Isa machine, std::string_view most);

// What a program was built for. native: one level, whose code may use more than it names.
struct Targets {
  bool native = false;
  std::vector<Isa> levels;  // from low to high
};
[[nodiscard]] Targets targets_of_this_build();
// "x86-64-v3"; "native (x86-64-v4)".
[[nodiscard]] std::string text_of(const Targets& targets, Isa level);
// "auto" and what --isa takes, in the order of the levels.
[[nodiscard]] std::vector<std::string> isa_names(const Targets& targets);
// The target that this very code was compiled for.
[[nodiscard]] std::string own_target();

// The level of --isa in the words of a command line ("auto": none; the last one counts), and the
// words without it.
struct IsaOption {
  std::optional<std::string> asked;
  std::vector<std::string> rest;
};
[[nodiscard]] IsaOption take_isa(const std::vector<std::string>& words);

// The level to use where every machine has `lowest`, which `where` has ("rank 3 on node7"; "": this
// machine). InputError when there is none, or when it is not the one that is asked for.
[[nodiscard]] Isa choose_isa(const Targets& targets, const std::optional<std::string>& asked,
                             Isa lowest, const std::string& where);
// What --isa can have there, for messages: "x86-64-v2, x86-64-v3".
[[nodiscard]] std::string available_isa(const Targets& targets, Isa lowest);

}  // namespace fedfuse
