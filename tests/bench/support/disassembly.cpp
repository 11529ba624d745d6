#include "tests/bench/support/disassembly.hpp"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <regex>
#include <sstream>

namespace fedfuse::test {
namespace {

struct Line {
  std::uint64_t at = 0;
  Instruction instruction;
};

std::string output_of(const std::string& command) {
  FILE* const started = popen(command.c_str(), "r");  // NOLINT(bugprone-command-processor): ours
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(started, pclose);
  std::string text;
  char part[4096];
  while (pipe && std::fgets(part, sizeof part, pipe.get()) != nullptr) text += part;
  return text;
}

std::vector<Line> lines_of(const std::string& symbol) {
  const auto program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::istringstream text(output_of("objdump -d --no-show-raw-insn --disassemble=" + symbol + " '" +
                                    program + "' 2> /dev/null"));
  // "  2c0:\tvfmadd213ps %zmm15,%zmm14,%zmm0"
  static const std::regex form(R"(^ *([0-9a-f]+):\s+(\S+)\s*(.*?)\s*$)");
  std::vector<Line> lines;
  for (std::string line; std::getline(text, line);) {
    std::smatch match;
    if (std::regex_match(line, match, form))
      lines.push_back({std::stoull(match[1], nullptr, 16), {match[2], match[3]}});
  }
  return lines;
}

// Where a jump inside the function goes: "2c0 <symbol+0xa0>".
std::optional<std::uint64_t> target_of(const Line& line) {
  static const std::regex form(R"(^(?:0x)?([0-9a-f]+) <.*>$)");
  std::smatch match;
  if (!std::regex_match(line.instruction.operands, match, form)) return {};
  return std::stoull(match[1], nullptr, 16);
}

}  // namespace

std::optional<std::vector<Instruction>> loop_of(const std::string& symbol) {
  const auto lines = lines_of(symbol);
  for (std::size_t end = 0; end < lines.size(); ++end) {
    const auto target = target_of(lines[end]);
    if (!target || *target > lines[end].at) continue;
    std::vector<Instruction> loop;
    for (const auto& line : lines)
      if (line.at >= *target && line.at <= lines[end].at) loop.push_back(line.instruction);
    return loop;
  }
  return {};
}

}  // namespace fedfuse::test
