// on_target LEVEL COMMAND...: becomes the command where this machine has the level; else exit code
// 77, a skip.
#include <unistd.h>

#include <cstdio>

#include "core/isa.hpp"

int main(int argc, char** argv) {
  using namespace fedfuse;
  if (argc < 3) return 2;
  if (parse_choice<Isa>("LEVEL", argv[1]) > level_of_this_machine()) {
    std::printf("skipped: this machine has %s, not %s\n", text_of(level_of_this_machine()).c_str(),
                argv[1]);
    return 77;
  }
  execvp(argv[2], argv + 2);
  std::perror(argv[2]);
  return 2;
}
