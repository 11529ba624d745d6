#pragma once
// Numbers as people write them: decimal digits only. 010 is ten; 0x10, 1e6 for a whole number, inf,
// nan, blanks and empty words are refused, and so is what the type cannot hold.
#include <cstdint>
#include <string_view>

namespace fedfuse {

// option: as it was given, for messages ("--dim", "OMP_NUM_THREADS"). InputError.
void parse_number(std::int64_t& value, std::string_view option, std::string_view text);
void parse_number(std::uint64_t& value, std::string_view option, std::string_view text);
void parse_number(double& value, std::string_view option, std::string_view text);

// Of the whole text, without a message. False: it is no number, or double cannot hold it.
[[nodiscard]] bool read_number(double& value, std::string_view text);

}  // namespace fedfuse
