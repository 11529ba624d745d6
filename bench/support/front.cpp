// bench_kernels of a portable build: becomes that of --isa, or of this machine's highest level. It
// is compiled for any machine.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/target_file.hpp"
#include "core/text.hpp"

namespace {

int become(char** argv, const std::vector<std::string>& words) {
  using namespace fedfuse;
  const auto level =
      choose_isa(targets_of_this_build(), take_isa(words).asked, level_of_this_machine(), "");
  const auto path = target_file(cat("bench_kernels-", level));
  execv(path.c_str(), argv);
  throw InputError(cat("cannot start ", path), std::strerror(errno),
                   "install fedfuse again with all its files, or choose another --isa");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return become(argv, {argv, argv + argc});
  } catch (const fedfuse::InputError& e) {
    std::fprintf(stderr, "bench_kernels: error: %s\n", e.what());
    return 2;
  }
}
