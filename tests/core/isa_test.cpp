// Targets: which level a machine has, which one is used, and what --isa is refused for.
#include "core/isa.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "core/environment.hpp"
#include "core/error.hpp"
#include "core/isa_agreement.hpp"

namespace fedfuse {
namespace {

using Words = std::vector<std::string>;

// A machine with AVX-512 (leaves 1, 7, 0x80000001 and XCR0 of a Sapphire Rapids, cut to the bits
// that a level asks for).
constexpr X86Features v4{.leaf1_ecx = 0x38d83201U | (1U << 27),
                         .leaf7_ebx = 0xd0030128U,
                         .extended1_ecx = 0x21U,
                         .xcr0 = 0xe7U};
const Targets portable{.native = false, .levels = {Isa::x86_64_v2, Isa::x86_64_v3, Isa::x86_64_v4}};
const Targets native{.native = true, .levels = {Isa::x86_64_v3}};

Isa without(std::uint32_t X86Features::* word, int bit) {
  auto features = v4;
  features.*word &= ~(1U << bit);
  return level_of(features);
}

std::string refusal(const Targets& targets, const std::optional<std::string>& asked, Isa lowest,
                    const std::string& where = "") {
  try {
    return "chose " + text_of(choose_isa(targets, asked, lowest, where));
  } catch (const InputError& e) {
    return e.what();
  }
}

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
}

TEST(Isa, a_level_needs_every_one_of_its_instructions) {
  EXPECT_EQ(level_of(v4), Isa::x86_64_v4);
  EXPECT_EQ(level_of({}), Isa::x86_64);
  for (const int bit : {0, 9, 13, 19, 20, 23})
    EXPECT_EQ(without(&X86Features::leaf1_ecx, bit), Isa::x86_64) << bit;
  EXPECT_EQ(without(&X86Features::extended1_ecx, 0), Isa::x86_64);
  for (const int bit : {12, 22, 27, 28, 29})
    EXPECT_EQ(without(&X86Features::leaf1_ecx, bit), Isa::x86_64_v2) << bit;
  for (const int bit : {3, 5, 8})
    EXPECT_EQ(without(&X86Features::leaf7_ebx, bit), Isa::x86_64_v2) << bit;
  EXPECT_EQ(without(&X86Features::extended1_ecx, 5), Isa::x86_64_v2);
  for (const int bit : {16, 17, 28, 30, 31})
    EXPECT_EQ(without(&X86Features::leaf7_ebx, bit), Isa::x86_64_v3) << bit;
}

TEST(Isa, a_level_needs_a_system_that_saves_its_registers) {
  auto features = v4;
  for (const std::uint64_t lacking : {0xa7U, 0xc7U, 0x67U}) {
    features.xcr0 = lacking;
    EXPECT_EQ(level_of(features), Isa::x86_64_v3) << lacking;
  }
  for (const std::uint64_t lacking : {0U, 3U, 5U}) {
    features.xcr0 = lacking;
    EXPECT_EQ(level_of(features), Isa::x86_64_v2) << lacking;
  }
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
TEST(Isa, the_compiler_finds_the_same_level) {
  auto expected = Isa::x86_64;
  if (__builtin_cpu_supports("x86-64-v2")) expected = Isa::x86_64_v2;
  if (__builtin_cpu_supports("x86-64-v3")) expected = Isa::x86_64_v3;
  if (__builtin_cpu_supports("x86-64-v4")) expected = Isa::x86_64_v4;
  const auto most = environment_variable("FEDFUSE_MOST_ISA");
  EXPECT_EQ(level_of_this_machine(), level_allowed(expected, most));
}
#endif

TEST(Isa, the_environment_lowers_and_never_raises) {
  EXPECT_EQ(level_allowed(Isa::x86_64_v4, "x86-64-v3"), Isa::x86_64_v3);
  EXPECT_EQ(level_allowed(Isa::x86_64_v2, "x86-64-v3"), Isa::x86_64_v2);
  EXPECT_THROW((void)level_allowed(Isa::x86_64_v2, "avx2"), InputError);
}

TEST(Isa, the_highest_that_the_machines_have_is_chosen) {
  EXPECT_EQ(choose_isa(portable, {}, Isa::x86_64_v4, ""), Isa::x86_64_v4);
  EXPECT_EQ(choose_isa(portable, {}, Isa::x86_64_v3, ""), Isa::x86_64_v3);
  EXPECT_EQ(choose_isa(portable, "x86-64-v2", Isa::x86_64_v4, ""), Isa::x86_64_v2);
  const Targets two{.native = false, .levels = {Isa::x86_64_v2, Isa::x86_64_v3}};
  EXPECT_EQ(choose_isa(two, {}, Isa::x86_64_v4, ""), Isa::x86_64_v3);
}

TEST(Isa, what_cannot_be_had_is_named_with_what_can) {
  const auto unknown = refusal(portable, "x86-64-v5", Isa::x86_64_v4);
  expect_part(unknown, "--isa \"x86-64-v5\"");
  expect_part(unknown, "auto, x86-64-v2, x86-64-v3, x86-64-v4");
  const auto lacking = refusal(portable, "x86-64-v4", Isa::x86_64_v3, "rank 2 on node7");
  expect_part(lacking, "--isa x86-64-v4 cannot be used");
  expect_part(lacking, "rank 2 on node7 has x86-64-v3");
  expect_part(lacking, "available: x86-64-v2, x86-64-v3");
  expect_part(refusal(portable, {}, Isa::x86_64),
              "this machine has x86-64, and the program is "
              "built for x86-64-v2, x86-64-v3, x86-64-v4");
  expect_part(refusal(portable, "", Isa::x86_64_v4), "--isa \"\"");
}

TEST(Isa, a_native_program_is_what_it_is) {
  for (const std::optional<std::string> asked : {"native", "x86-64-v3"})
    EXPECT_EQ(choose_isa(native, asked, Isa::x86_64_v4, ""), Isa::x86_64_v3);
  EXPECT_EQ(choose_isa(native, {}, Isa::x86_64_v3, ""), Isa::x86_64_v3);
  expect_part(refusal(native, "x86-64-v4", Isa::x86_64_v4), "auto, native, x86-64-v3");
  expect_part(refusal(portable, "native", Isa::x86_64_v4), "--isa \"native\"");
  expect_part(refusal(native, {}, Isa::x86_64_v2), "built for native (x86-64-v3)");
}

TEST(Isa, the_option_is_taken_from_anywhere_in_the_line) {
  const auto option = take_isa({"fedfuse", "--isa", "a", "train", "--isa=b", "--out", "c"});
  EXPECT_EQ(option.asked, "b");
  EXPECT_EQ(option.rest, (Words{"fedfuse", "train", "--out", "c"}));
  EXPECT_EQ(take_isa({"fedfuse", "--isa", "b", "--isa", "auto"}).asked, std::nullopt);
  EXPECT_EQ(take_isa({"fedfuse", "--isa"}).asked, "");
  EXPECT_EQ(take_isa({"fedfuse", "--isabel"}).rest, (Words{"fedfuse", "--isabel"}));
}

TEST(Isa, this_code_is_of_a_target_of_this_build) {
  const auto targets = targets_of_this_build();
  ASSERT_FALSE(targets.levels.empty());
  Words names;
  for (const auto level : targets.levels) names.push_back(text_of(targets, level));
  EXPECT_NE(std::ranges::find(names, own_target()), names.end()) << own_target();
}

// Rank r has level r + 2: the lowest is rank 0's, and of the ranks from the other end the last's.
TEST(Isa, all_ranks_take_the_lowest) {
  const auto comm = Comm::world();
  const auto levels = std::array{Isa::x86_64_v2, Isa::x86_64_v3, Isa::x86_64_v4};
  const auto mine = levels.at(std::size_t(std::min(comm.rank(), 2)));
  EXPECT_EQ(agree_on_isa(portable, {}, mine, comm), Isa::x86_64_v2);
  const auto other = levels.at(std::size_t(std::max(2 - comm.rank(), 0)));
  const auto lowest = levels.at(std::size_t(std::max(3 - comm.size(), 0)));
  EXPECT_EQ(agree_on_isa(portable, {}, other, comm), lowest);
  EXPECT_EQ(agree_on_isa(portable, "x86-64-v2", mine, comm), Isa::x86_64_v2);
  try {
    (void)agree_on_isa(portable, "x86-64-v3", mine, comm);
    ADD_FAILURE() << "a machine of x86-64-v2 has no x86-64-v3";
  } catch (const InputError& e) {
    expect_part(e.what(), comm.size() == 1 ? "this machine has" : "rank 0 on ");
    expect_part(e.what(), "has x86-64-v2");
  }
}

TEST(Isa, ranks_that_are_told_different_targets_are_refused) {
  const auto comm = Comm::world();
  if (comm.size() == 1) return;
  const auto* asked = comm.root() ? "x86-64-v2" : "x86-64-v3";
  EXPECT_THROW((void)agree_on_isa(portable, asked, Isa::x86_64_v4, comm), InputError);
  const std::optional<std::string> wrong =
      comm.root() ? std::nullopt : std::optional<std::string>("x86-64-v9");
  EXPECT_THROW((void)agree_on_isa(portable, wrong, Isa::x86_64_v4, comm), InputError);
}

}  // namespace
}  // namespace fedfuse
