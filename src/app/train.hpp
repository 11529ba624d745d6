#pragma once
// `fedfuse train`.
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/config.hpp"

namespace fedfuse {

// interrupted: a signal or --time-budget ended the run after a checkpoint; the same command with
// --resume goes on. invalid: the result was written, and its status is `invalid`.
enum class Ending { complete, interrupted, invalid };
// EX_TEMPFAIL of sysexits.h: schedulers requeue on it
inline constexpr int exit_code_invalid = 1, exit_code_interrupted = 75;

// Collective. Trains as config says (validated) and writes config.files.out. config_file: of
// --config, or "". quiet: neither progress nor summary is printed; warnings are.
[[nodiscard]] Ending run_training(const Config& config, const std::string& config_file,
                                  const std::vector<std::string>& argv, const Comm& comm,
                                  bool quiet = false);

}  // namespace fedfuse
