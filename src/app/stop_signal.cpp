#include "app/stop_signal.hpp"

#include <csignal>
#include <initializer_list>

namespace fedfuse {
namespace {

// The one global of the program: a handler gets nothing but a number, and may touch nothing but
// such a variable.
volatile std::sig_atomic_t came = 0;

extern "C" void remember(int signal) { came = signal; }

}  // namespace

void listen_for_stop_signals() {
  for (const int signal : {SIGTERM, SIGUSR1}) std::signal(signal, remember);
}

int stop_signal() { return came; }

}  // namespace fedfuse
