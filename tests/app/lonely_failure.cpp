// argv[1]: what happens on the last rank alone, while the others wait in a collective call (or, for "late", have done their work).
#include <new>
#include <stdexcept>
#include <string>

#include "app/exit_together.hpp"
#include "core/comm.hpp"
#include "core/error.hpp"

int main(int argc, char** argv) {
  const fedfuse::MpiSession session(argc, argv);
  const auto comm = fedfuse::Comm::world();
  const std::string what = argc > 1 ? argv[1] : "";
  const auto work = [&] {
    const bool last = comm.rank() == comm.size() - 1;
    if (last && what == "input") throw fedfuse::InputError("a file of one rank", "only this rank sees it", "look there");
    if (last && what == "memory") throw std::bad_alloc();
    if (last && what == "bug") throw std::runtime_error("out of range");
    if (last && what == "late") throw fedfuse::InputError("found late", "after the last collective call", "look there");
    if (what != "late") comm.barrier();
  };
  return fedfuse::run_to_exit_code(comm, work, 0.5);
}
