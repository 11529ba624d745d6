#include "core/isa.hpp"

#include <algorithm>

#include "core/environment.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "fedfuse_targets.hpp"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fedfuse {
namespace {

constexpr std::string_view option_name = "--isa";
constexpr const char* most_isa_variable = "FEDFUSE_MOST_ISA";

constexpr std::uint64_t bits(std::initializer_list<int> places) {
  std::uint64_t all = 0;
  for (const int place : places) all |= std::uint64_t(1) << place;
  return all;
}
bool has(std::uint64_t word, std::uint64_t wanted) { return (word & wanted) == wanted; }

// The places are those of Intel's manual, volume 2, CPUID.
constexpr auto sse3_to_popcnt = bits({0, 9, 13, 19, 20, 23});  // SSE3 SSSE3 CX16 4.1 4.2 POPCNT
constexpr auto lahf = bits({0}), lzcnt = bits({5});
constexpr auto fma_to_f16c = bits({12, 22, 27, 28, 29});  // FMA MOVBE OSXSAVE AVX F16C
constexpr auto bmi_avx2 = bits({3, 5, 8});                // BMI1 AVX2 BMI2
constexpr auto avx512 = bits({16, 17, 28, 30, 31});       // F DQ CD BW VL
constexpr auto ymm_saved = bits({1, 2}), zmm_saved = bits({1, 2, 5, 6, 7});

#if defined(__x86_64__)
X86Features features_of_this_machine() {
  X86Features found;
  std::uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0) found.leaf1_ecx = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) found.leaf7_ebx = b;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d) != 0) found.extended1_ecx = c;
  constexpr auto os_saves = bits({27});
  if (!has(found.leaf1_ecx, os_saves)) return found;
  std::uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  found.xcr0 = (std::uint64_t(high) << 32) | low;
  return found;
}
#endif

// The highest level whose instructions the compiler was allowed to use in this file.
constexpr Isa compiled_level() {
#if defined(__aarch64__)
  return Isa::aarch64;
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512CD__) && \
    defined(__AVX512DQ__) && defined(__AVX512VL__)
  return Isa::x86_64_v4;
#elif defined(__AVX2__) && defined(__FMA__) && defined(__BMI2__)
  return Isa::x86_64_v3;
#elif defined(__SSE4_2__)
  return Isa::x86_64_v2;
#elif defined(__x86_64__)
  return Isa::x86_64;
#else
  return Isa::generic;
#endif
}

std::vector<Isa> below(const Targets& targets, Isa lowest) {
  std::vector<Isa> some;
  std::ranges::copy_if(targets.levels, std::back_inserter(some),
                       [&](Isa level) { return level <= lowest; });
  return some;
}

}  // namespace

Isa level_of(const X86Features& f) {
  if (!has(f.leaf1_ecx, sse3_to_popcnt) || !has(f.extended1_ecx, lahf)) return Isa::x86_64;
  if (!has(f.leaf1_ecx, fma_to_f16c) || !has(f.leaf7_ebx, bmi_avx2) ||
      !has(f.extended1_ecx, lzcnt) || !has(f.xcr0, ymm_saved))
    return Isa::x86_64_v2;
  if (!has(f.leaf7_ebx, avx512) || !has(f.xcr0, zmm_saved)) return Isa::x86_64_v3;
  return Isa::x86_64_v4;
}

Isa level_allowed(Isa machine, std::string_view most) {
  if (most.empty()) return machine;
  return std::min(machine, parse_choice<Isa>(most_isa_variable, most));
}

Isa level_of_this_machine() {
#if defined(__x86_64__)
  const auto level = level_of(features_of_this_machine());
#else
  const auto level = compiled_level();
#endif
  return level_allowed(level, environment_variable(most_isa_variable));
}

Targets targets_of_this_build() {
  const std::string names = FEDFUSE_TARGETS;
  if (names == "native") return {.native = true, .levels = {compiled_level()}};
  Targets targets;
  for (std::size_t begin = 0; begin < names.size();) {
    const auto end = std::min(names.find(',', begin), names.size());
    targets.levels.push_back(
        parse_choice<Isa>("FEDFUSE_TARGETS", names.substr(begin, end - begin)));
    begin = end + 1;
  }
  std::ranges::sort(targets.levels);
  return targets;
}

std::string text_of(const Targets& targets, Isa level) {
  return targets.native ? cat("native (", level, ")") : text_of(level);
}

std::vector<std::string> isa_names(const Targets& targets) {
  std::vector<std::string> names{std::string(auto_name)};
  if (targets.native) names.emplace_back("native");
  for (const auto level : targets.levels) names.push_back(text_of(level));
  return names;
}

std::string own_target() {
#ifdef FEDFUSE_TARGET
  static_assert(name_of(compiled_level()) == FEDFUSE_TARGET, "flags and name of a target differ");
  return FEDFUSE_TARGET;
#else
  return text_of(Targets{.native = true, .levels = {}}, compiled_level());
#endif
}

IsaOption take_isa(const std::vector<std::string>& words) {
  IsaOption found;
  const auto joined_name = cat(option_name, "=");
  const auto set = [&](const std::string& value) {
    found.asked.reset();
    if (value != auto_name) found.asked = value;
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == option_name) {
      set(i + 1 < words.size() ? words[i + 1] : "");
      ++i;
    } else if (words[i].starts_with(joined_name)) {
      set(words[i].substr(joined_name.size()));
    } else {
      found.rest.push_back(words[i]);
    }
  }
  return found;
}

std::string available_isa(const Targets& targets, Isa lowest) {
  std::vector<std::string> names;
  for (const auto level : below(targets, lowest)) names.push_back(text_of(targets, level));
  return joined(names, ", ");
}

Isa choose_isa(const Targets& targets, const std::optional<std::string>& asked, Isa lowest,
               const std::string& where) {
  const auto machine = cat(where.empty() ? "this machine" : where, " has ", lowest);
  const auto possible = below(targets, lowest);
  if (possible.empty())
    throw InputError(
        "this fedfuse does not run on this machine",
        cat(machine, ", and the program is built for ", available_isa(targets, Isa::x86_64_v4)),
        targets.native ? "build it on this machine, or with -DFEDFUSE_NATIVE=OFF"
                       : "build it with this machine's level in -DFEDFUSE_TARGETS");
  if (!asked) return possible.back();
  const auto names = isa_names(targets);
  if (std::ranges::find(names, *asked) == names.end())
    throw unknown_choice(option_name, *asked, names);
  if (targets.native) return targets.levels.back();
  const auto level = parse_choice<Isa>(option_name, *asked);
  if (level > lowest)
    throw InputError(cat(option_name, " ", *asked, " cannot be used"), machine,
                     cat("choose among what is available: ", available_isa(targets, lowest)));
  return level;
}

}  // namespace fedfuse
