#include "app/train.hpp"

#include <cstdio>

#include "app/run_outputs.hpp"
#include "app/training.hpp"
#include "core/timer.hpp"

namespace fedfuse {

Ending run_training(const Config& config, const std::string& config_file,
                    const std::vector<std::string>& argv, const Comm& comm, bool quiet) {
  const double start = now_seconds();
  if (const auto why = why_done(config, comm); !why.empty()) {
    if (comm.root()) std::fprintf(stderr, "fedfuse: %s\n", why.c_str());
    return Ending::complete;
  }
  RunOutputs outputs(config, config_file, comm);
  Training training(config, argv, comm, start, outputs, quiet);
  const auto ending = training.run();
  if (ending == Ending::complete && !quiet) training.print_summary();
  return ending;
}

}  // namespace fedfuse
