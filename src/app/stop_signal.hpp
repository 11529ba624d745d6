#pragma once
// The request to stop: SIGTERM or SIGUSR1, which a scheduler sends some time before SIGKILL.

namespace fedfuse {

void listen_for_stop_signals();
[[nodiscard]] int stop_signal();  // the number of the one that came to this rank, or 0

}  // namespace fedfuse
