#pragma once
// The machine code of this program, as objdump shows it.
#include <optional>
#include <string>
#include <vector>

namespace fedfuse::test {

struct Instruction {
  std::string name, operands;
};
// The innermost loop of a function of assembly: from the target of its first backward jump to that
// jump. None: objdump is missing, or the program has no such symbol or loop.
[[nodiscard]] std::optional<std::vector<Instruction>> loop_of(const std::string& symbol);

}  // namespace fedfuse::test
