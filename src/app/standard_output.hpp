#pragma once
// What commands print for people, checked: a full disk must not pass for success. For the rank that
// prints.
#include <string>

namespace fedfuse {

// InputError when it cannot be written.
void print(const std::string& text);

// After the last line of a command: everything that was printed has left this process. InputError
// when a write failed, now or before (a full disk).
void finish_standard_output();

}  // namespace fedfuse
