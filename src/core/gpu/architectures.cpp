#include "core/gpu/architectures.hpp"

#include <charconv>
#include <system_error>

namespace fedfuse::gpu {
namespace {

bool one_has(std::string_view word, int capability) {
  int built = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), built);
  // all, all-major, native: the builder knows
  if (error != std::errc()) return true;
  const std::string_view kind(end, std::size_t(word.data() + word.size() - end));
  if (kind.starts_with('a')) return capability == built;
  const bool machine = capability / 10 == built / 10 && capability >= built;
  if (kind == "-real" || kind.starts_with('f')) return machine;
  // what a driver compiles serves all later ones
  return capability >= built;
}

}  // namespace

bool has_code_for(std::string_view architectures, int capability) {
  while (true) {
    const auto comma = architectures.find(',');
    if (one_has(architectures.substr(0, comma), capability)) return true;
    if (comma == std::string_view::npos) return false;
    architectures.remove_prefix(comma + 1);
  }
}

}  // namespace fedfuse::gpu
