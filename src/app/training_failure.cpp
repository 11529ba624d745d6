// A round that a client or the server ends, and one that needed larger ranges.
#include <cstdio>

#include "app/stop_signal.hpp"
#include "app/training.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "server/server_diverged.hpp"

namespace fedfuse {
namespace {

// Of the root: what rises and why.
void show(std::int64_t round, const std::vector<SumRanges::Rise>& rises) {
  for (const auto& rise : rises)
    std::fputs(
        cat("fedfuse: round ", round, ": the range of the sums of ", words_for(rise.kind),
            " rises from 2^", rise.from, " to 2^", rise.to, ", for a value of ", rise.largest, "\n")
            .c_str(),
        stderr);
}

}  // namespace

// Ends the run on all ranks, with what was good kept, when a client or the server diverges.
RoundReport Training::train_round(std::int64_t round) {
  RoundReport report;
  try {
    report = federation_.run_round(round, ends_a_round);
  } catch (const ServerDiverged& e) {
    fail(round, cat("training diverged in round ", round, " at ", e.part()),
         cat(e.why(), " in round ", round), e.what_to_do());
  } catch (const InputError& e) {
    auto& record = recorder_.record;
    record.status = RunStatus::failed;
    record.status_text = cat("round ", round, ": ", e.what());
    if (snapshot_) save();
    throw;
  }
  if (report.failed_client) fail_at_client(round, report);
  if (comm_.root()) show(round, report.rises);
  return report;
}

void Training::fail_at_client(std::int64_t round, const RoundReport& report) {
  const auto client = cat("client ", *report.failed_client);
  const auto& rates = recorder_.record.config.federation;
  const auto cure = cat("lower --lr or --lr-items (now ", rates.lr, " and ", rates.lr_items, ")");
  if (report.too_large == 0)
    fail(round, cat("training diverged in round ", round, " at ", client),
         cat("the loss or an update of ", client, " was not finite in round ", round), cure);
  fail(round,
       cat("training diverged in round ", round, ": an update of ", client,
           " is too large for the sums"),
       cat("the sums of ", words_for(report.too_large_kind), " take numbers below 2^",
           SumRanges::most, ", about ", double(std::int64_t(1) << SumRanges::most),
           "; the largest of round ", round, " was ", report.too_large),
       cure);
}

// A client or the server diverged: the state is that after the round before, which is saved.
void Training::fail(std::int64_t round, const std::string& problem, const std::string& why,
                    const std::string& what_to_do) {
  auto& record = recorder_.record;
  record.status = RunStatus::failed;
  record.status_text = why;
  std::string kept = "nothing was trained before it, so no result file was written";
  checkpoints_.settle();
  if (round > 1) {
    snapshot_.reset();
    save();
    kept = cat("the model after round ", round - 1, " is kept in ", config_.files.out);
  }
  throw InputError(problem, cat(record.status_text, "; ", kept), what_to_do);
}

}  // namespace fedfuse
