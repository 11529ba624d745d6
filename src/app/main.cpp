// What happens before the target is known: standard streams, MPI, and the agreement of all ranks on
// one level. In a portable build this is all of the executable, compiled for any machine.
#include <csignal>
#include <string>
#include <vector>

#include "app/exit_together.hpp"
#include "app/lone_start.hpp"
#include "app/standard_streams.hpp"
#include "app/target.hpp"
#include "core/denormals.hpp"
#include "core/isa_agreement.hpp"

namespace fedfuse {
namespace {

int run(int argc, const char* const* argv, const IsaOption& option, const Comm& comm) {
  Program program = nullptr;
  const int code = run_to_exit_code(comm, [&] {
    auto level = Isa::generic;
    comm.together([&] { level = level_of_this_machine(); });
    level = agree_on_isa(targets_of_this_build(), option.asked, level, comm);
    comm.together([&] { program = program_of(level); });
  });
  return code != 0 ? code : program(argc, argv, comm.raw() != MPI_COMM_NULL ? 1 : 0);
}

}  // namespace
}  // namespace fedfuse

int main(int argc, char** argv) {
  fedfuse::flush_denormals();  // before there are other threads
  // a file size limit is an error to report, not an end
  std::signal(SIGXFSZ, SIG_IGN);
  fedfuse::secure_standard_streams();
  const auto option = fedfuse::take_isa({argv, argv + argc});
  if (fedfuse::needs_no_mpi(option.rest) && !fedfuse::one_of_several())
    return fedfuse::run(argc, argv, option, fedfuse::Comm::without_mpi());
  const fedfuse::LoneStart lone;
  int left = argc;  // MPI may take words that are its own
  char** words = argv;
  const fedfuse::MpiSession session(left, words);
  return fedfuse::run(argc, argv, option, fedfuse::Comm::world());
}
