#pragma once
// The request to stop: SIGINT of a person, or SIGTERM or SIGUSR1, which a scheduler sends some time
// before SIGKILL.
#include <string>

namespace fedfuse {

// From now on these signals end nothing by themselves, but a second SIGINT ends the process at
// once. On a terminal the first one is answered with a line that says so.
void listen_for_stop_signals();
[[nodiscard]] int stop_signal();  // the number of the one that came to this rank, or 0
// Stops of core/stop.hpp. Whether one came, and whether one came that ends a round under way: a
// person waits for the round, a scheduler does not.
[[nodiscard]] bool is_stopped();
[[nodiscard]] bool ends_a_round();
[[nodiscard]] std::string signal_name(int signal);

}  // namespace fedfuse
