#include "app/stop_signal.hpp"

#include <csignal>
#include <initializer_list>

#include "core/text.hpp"

namespace fedfuse {
namespace {

// The one global of the program: a handler gets nothing but a number, and may touch nothing but
// such a variable.
volatile std::sig_atomic_t came = 0;

extern "C" void remember(int signal) {
  if (signal == SIGINT && came != 0) {  // the person does not want to wait
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  came = signal;
}

}  // namespace

void listen_for_stop_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) std::signal(signal, remember);
}

int stop_signal() { return came; }
bool is_stopped() { return stop_signal() != 0; }

std::string signal_name(int signal) {
  switch (signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return cat("signal ", signal);
  }
}

}  // namespace fedfuse
