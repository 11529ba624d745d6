#include "app/stop_signal.hpp"

#include <unistd.h>

#include <csignal>
#include <initializer_list>
#include <string_view>

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

// Only what a handler may call.
extern "C" void remember_and_say(int signal) {
  const bool first = came == 0;
  remember(signal);
  if (!first) return;
  constexpr std::string_view line =
      "\nfedfuse: SIGINT came: a round comes to its end first; again, it ends at once\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void listen_for_stop_signals() {
  for (const int signal : {SIGTERM, SIGUSR1}) std::signal(signal, remember);
  std::signal(SIGINT, ::isatty(STDERR_FILENO) != 0 ? remember_and_say : remember);
}

int stop_signal() { return came; }
bool is_stopped() { return stop_signal() != 0; }
bool ends_a_round() { return is_stopped() && stop_signal() != SIGINT; }

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
