#pragma once
// The command line, as plain structs. Every rank parses; parsing prints nothing.
#include <optional>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/cutoffs.hpp"
#include "data/generate.hpp"
#include "data/import.hpp"

namespace fedfuse {

struct EvaluateOptions {
  std::string model, data;  // result file, data set
  std::vector<std::int64_t> k{cutoffs.begin(), cutoffs.end()};
  Candidates candidates;
  ColdItems cold_items = ColdItems::rank;
  std::string out;
  std::int64_t eval_clients = 0, threads = 0;
  std::uint64_t seed = 0;
  bool overwrite = false;
};

struct Command {
  enum class Kind { generate, import, train, evaluate, info, table } kind = Kind::info;
  std::vector<std::string> argv;
  GenerateOptions generate;
  ImportOptions import;
  Config train;
  std::string config_file;  // of train's --config
  bool quiet = false;       // of train's --quiet: how it is told, no part of the configuration
  EvaluateOptions evaluate;
  std::vector<std::string> files;  // of info and table
};

struct ParsedLine {
  // nothing to run: print text (help, version, effective configuration) and end well
  std::optional<Command> command;
  std::string text;
};

// Throws InputError for what cannot be understood; reads the file that --config names.
[[nodiscard]] ParsedLine parse_command_line(const std::vector<std::string>& argv);

}  // namespace fedfuse
