// How a run ends before its last round: a signal, or its time budget.
#include <cstdio>

#include "app/stop_signal.hpp"
#include "app/training.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "results/record.hpp"

namespace fedfuse {

// Why this run must end now, the same on all ranks: a signal may have come to one of them alone.
// Empty: it need not.
std::string Training::asked_to_stop() const {
  constexpr std::int64_t nothing = 0, time = 1;  // other numbers are those of signals
  const bool late = comm_.root() && budget_.must_stop(now_seconds());
  const auto asked = comm_.max(is_stopped() ? std::int64_t(stop_signal()) : late ? time : nothing);
  if (asked == nothing) return "";
  if (asked == time)
    return cat("the time budget of ", config_.restart.time_budget.text, " is used up");
  return cat(signal_name(int(asked)), " came");
}

Ending Training::interrupt(std::int64_t done, const std::string& why) {
  checkpoints_.settle();
  if (done > checkpoints_.last_round()) save_checkpoint(done, true);
  auto& record = recorder_.record;
  record.status = RunStatus::interrupted;
  record.status_text = cat(why, " after round ", done, "; --resume goes on");
  const auto where = done > 0 ? cat(": all state is in ", checkpoints_.last_path())
                              : std::string(", before the first round: there is nothing to keep");
  if (comm_.root())
    std::fprintf(stderr, "fedfuse: %s after round %lld%s\n", why.c_str(),
                 static_cast<long long>(done), where.c_str());
  if (done == 0) return Ending::interrupted;
  try {
    save();
  } catch (const ResultFileLost&) {
    throw;
  } catch (const InputError& e) {
    // the checkpoint is what counts
    if (comm_.root())
      std::fprintf(stderr, "fedfuse: warning: the result so far was not written. %s\n", e.what());
  }
  return Ending::interrupted;
}

}  // namespace fedfuse
