#pragma once
// Which texts are ids of users and items, wherever ids are read.
#include <string>
#include <string_view>

namespace fedfuse {

// Empty: the text is an id. Else why it is not: empty or blank, longer than 1024 bytes, not UTF-8,
// a whole number below 0 or above 2^63 - 1, or a word by which SQL, pandas, R and spreadsheets
// write a missing value (NULL, None, NA, nan, \N, <NA>, #N/A, ..., upper or lower case).
[[nodiscard]] std::string id_fault(std::string_view text);

// Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
[[nodiscard]] bool is_utf8(std::string_view text);

// A field for a message: at most 40 bytes in quotes, '?' for what is not printable ASCII.
[[nodiscard]] std::string printable(std::string_view field);

}  // namespace fedfuse
