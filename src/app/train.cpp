#include "app/train.hpp"

#include "app/stop_signal.hpp"
#include "app/training.hpp"
#include "core/timer.hpp"

namespace fedfuse {

Ending run_training(const Config& config, const std::vector<std::string>& argv, const Comm& comm) {
  const double start = now_seconds();
  listen_for_stop_signals();
  check_files(config, comm);
  Training training(config, argv, comm, start);
  const auto ending = training.run();
  if (ending == Ending::complete) training.print_summary();
  return ending;
}

}  // namespace fedfuse
