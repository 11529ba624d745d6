#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/commands.hpp"
#include "app/exit_together.hpp"
#include "app/options.hpp"
#include "app/train.hpp"
#include "model/spec.hpp"
#include "results/record.hpp"

namespace fedfuse {
namespace {

void train(const Command& command, const Comm& comm) {
  validate(command.train);
  (void)resolve(command.train);
  check_writable(command.train.out, command.train.overwrite, comm);
  run_training(command.train, command.argv, comm);
}

void import(const ImportOptions& options, const Comm& comm) {
  const auto report = import_dataset(options, comm);
  if (comm.root()) std::fputs(describe(report).c_str(), stdout);
}

void run(const std::vector<std::string>& argv, const Comm& comm) {
  ParsedLine line;
  comm.together([&] { line = parse_command_line(argv); });
  if (!line.command) {
    if (comm.root()) std::fputs(line.text.c_str(), stdout);
    return;
  }
  const auto& command = *line.command;
  switch (command.kind) {
    case Command::Kind::generate:
      return generate(command.generate, comm);
    case Command::Kind::import:
      return import(command.import, comm);
    case Command::Kind::train:
      return train(command, comm);
    case Command::Kind::evaluate:
      return run_evaluate(command.evaluate, argv, comm);
    case Command::Kind::info:
      return print_info(command.files, comm);
    case Command::Kind::table:
      return print_table(command.files, comm);
  }
}

}  // namespace
}  // namespace fedfuse

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error to report, not an end
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);  // without mpirun Open MPI needs no daemon: half the start-up time
  const fedfuse::MpiSession session(argc, argv);
  const std::vector<std::string> arguments(argv, argv + argc);
  const auto comm = fedfuse::Comm::world();
  return fedfuse::run_to_exit_code(comm, [&] { fedfuse::run(arguments, comm); });
}
