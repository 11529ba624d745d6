#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/commands.hpp"
#include "app/exit_together.hpp"
#include "app/lone_start.hpp"
#include "app/options.hpp"
#include "app/standard_output.hpp"
#include "app/train.hpp"
#include "model/spec.hpp"

namespace fedfuse {
namespace {

Ending train(const Command& command, const Comm& comm) {
  validate(command.train);
  (void)resolve(command.train);
  return run_training(command.train, command.argv, comm);
}

void import(const ImportOptions& options, const Comm& comm) {
  const auto report = import_dataset(options, comm);
  comm.on_root([&] {
    if (const auto text = warning(report); !text.empty())
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
  switch (command.kind) {
    case Command::Kind::generate:
      generate(command.generate, comm);
      break;
    case Command::Kind::import:
      import(command.import, comm);
      break;
    case Command::Kind::train:
      return train(command, comm);
    case Command::Kind::evaluate:
      run_evaluate(command.evaluate, argv, comm);
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
  const auto ending = run(argv, comm);
  if (ending == Ending::complete) comm.on_root(finish_standard_output);
  return ending;
}

}  // namespace
}  // namespace fedfuse

int main(int argc, char** argv) {
  // a file size limit is an error to report, not an end
  std::signal(SIGXFSZ, SIG_IGN);
  const fedfuse::LoneStart lone;
  const fedfuse::MpiSession session(argc, argv);
  const std::vector<std::string> arguments(argv, argv + argc);
  const auto comm = fedfuse::Comm::world();
  auto ending = fedfuse::Ending::complete;  // the ranks agreed on it
  const int code =
      fedfuse::run_to_exit_code(comm, [&] { ending = fedfuse::run_and_print(arguments, comm); });
  if (code != 0) return code;
  if (ending == fedfuse::Ending::invalid) return fedfuse::exit_code_invalid;
  return ending == fedfuse::Ending::interrupted ? fedfuse::exit_code_interrupted : 0;
}
