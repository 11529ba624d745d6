#pragma once
// The request to stop: SIGINT of a person, or SIGTERM or SIGUSR1, which a scheduler sends some time
// before SIGKILL.
#include <string>

namespace fedfuse {

// From now on these signals end nothing by themselves, but a second SIGINT ends the process at
// once.
void listen_for_stop_signals();
[[nodiscard]] int stop_signal();  // the number of the one that came to this rank, or 0
[[nodiscard]] bool is_stopped();  // whether one came: a Stop of core/stop.hpp
[[nodiscard]] std::string signal_name(int signal);

}  // namespace fedfuse
