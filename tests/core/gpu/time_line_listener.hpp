#pragma once
#include <string>
#include <vector>

namespace fedfuse::test {

// What began and ended on the time line so far: a range's name, "end".
std::vector<std::string>& heard();

}  // namespace fedfuse::test
