#pragma once
#include <string>

namespace fedfuse {

// A text as people keep it: a plain file or pipe, or one that gzip compressed, by its first two
// bytes, whatever its name (RFC 1952; all members, one after the other). InputError as read_file(),
// and with the line for gzip data that end early, are damaged, have something else behind them, or
// are larger than the memory.
[[nodiscard]] std::string read_text(const std::string& path);

}  // namespace fedfuse
