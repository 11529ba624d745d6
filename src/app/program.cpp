#include "app/program.hpp"

#include <cstdio>
#include <cstdlib>

#include "app/commands.hpp"
#include "app/exit_together.hpp"
#include "app/lone_start.hpp"
#include "app/options.hpp"
#include "app/standard_output.hpp"
#include "app/stop_signal.hpp"
#include "app/threads.hpp"
#include "app/train.hpp"
#include "core/isa.hpp"
#include "core/stop.hpp"
#include "model/spec.hpp"

namespace fedfuse {
namespace {

Ending train(const Command& command, const Comm& comm) {
  validate(command.train);
  (void)resolve(command.train);
  return run_training(command.train, command.config_file, command.argv, comm, command.quiet);
}

void import(const ImportOptions& options, const Comm& comm) {
  const auto report = import_dataset(options, comm, is_stopped);
  comm.on_root([&] {
    for (const auto& text : warnings(report))
      std::fprintf(stderr, "fedfuse: warning: %s", text.c_str());
    print(describe(report));
  });
}

Ending run(const std::vector<std::string>& argv, const Comm& comm) {
  ParsedLine line;
  comm.together([&] { line = parse_command_line(argv); });
  if (!line.command) {
    comm.on_root([&] { print(line.text); });
    return Ending::complete;
  }
  const auto& command = *line.command;
  if (!needs_no_mpi(take_isa(argv).rest)) listen_for_stop_signals();
  switch (command.kind) {
    case Command::Kind::generate:
      set_threads(0, comm);
      generate(command.generate, comm, is_stopped);
      break;
    case Command::Kind::import:
      import(command.import, comm);
      break;
    case Command::Kind::train:
      return train(command, comm);
    case Command::Kind::evaluate:
      run_evaluate(command.evaluate, argv, comm, is_stopped);
      break;
    case Command::Kind::info:
      print_info(command.files, comm);
      break;
    case Command::Kind::table:
      print_table(command.files, comm);
      break;
  }
  return Ending::complete;
}

// An interrupted or invalid run keeps its exit code, which is no success either.
Ending run_and_print(const std::vector<std::string>& argv, const Comm& comm) {
  auto ending = Ending::complete;
  try {
    ending = run(argv, comm);
  } catch (const Stopped&) {
    const auto signal = comm.max(std::int64_t(stop_signal()));
    if (comm.root())
      std::fprintf(stderr, "fedfuse: %s came: nothing was written\n",
                   signal_name(int(signal)).c_str());
    return Ending::interrupted;
  }
  if (ending == Ending::complete) comm.on_root(finish_standard_output);
  return ending;
}

int exit_code_of(const std::vector<std::string>& argv, const Comm& comm) {
  auto ending = Ending::complete;  // the ranks agreed on it
  const int code = run_to_exit_code(comm, [&] { ending = run_and_print(argv, comm); });
  if (code != 0) return code;
  if (ending == Ending::invalid) return exit_code_invalid;
  return ending == Ending::interrupted ? exit_code_interrupted : 0;
}

}  // namespace
}  // namespace fedfuse

extern "C" int fedfuse_program(int argc, const char* const* argv, int with_mpi) {
  const std::vector<std::string> words(argv, argv + argc);
  using fedfuse::Comm;
  return fedfuse::exit_code_of(words, with_mpi != 0 ? Comm::world() : Comm::without_mpi());
}
