#pragma once
// "Stop soon": what a scheduler says with SIGTERM or SIGUSR1 some time before it kills.

namespace fedfuse {

void listen_for_stop_signals();
[[nodiscard]] int stop_signal();  // the number of the one that came to this rank, or 0

}  // namespace fedfuse
