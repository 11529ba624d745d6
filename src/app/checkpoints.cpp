#include "app/checkpoints.hpp"

#include <cstdio>

#include "core/error.hpp"
#include "core/isa.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "results/record.hpp"

namespace fedfuse {
Checkpoints::Checkpoints(const Config& config, const Identity& identity, const Dataset& data,
                         const Comm& comm)
    : config_(config), identity_(identity), data_(data), comm_(comm), files_(config.files.out) {
  const auto lowest = comm_.min(std::int64_t(level_of_this_machine()));
  available_ = available_isa(targets_of_this_build(), Isa(lowest));
  comm_.on_root([&] {
    std::vector<std::string> keep;
    if (config_.restart.resume)
      for (const auto& file : files_.found()) keep.push_back(file.path);
    files_.keep_only(keep);
  });
}

void Checkpoints::say(const std::string& text) const {
  if (comm_.root()) std::fprintf(stderr, "fedfuse: %s\n", text.c_str());
}

void Checkpoints::check_it_is_ours(const std::string& path, std::int64_t round,
                                   const CheckpointHeader& header) {
  const auto ours = header_of(round, config_, data_, identity_);
  check_same_run(path, header, ours, available_);
  if (header.identity.program == identity_.program) return;
  say(cat("warning: ", path, " was written by ", header.version, ", program ",
          short_hash(header.identity.program), "; this is ", ours.version, ", program ",
          short_hash(identity_.program), ": the same bits are promised by one program only"));
  identity_.program = program_of_both(header.identity.program, identity_.program);
}

// What to say of the first of these rounds' checkpoints that this run could go on from; "" if there
// is none.
std::string Checkpoints::older_of_ours(std::span<const std::int64_t> rounds) const {
  for (const auto round : rounds) {
    const auto path = files_.path(round);
    try {
      const auto header = verify_checkpoint(path, comm_).header;
      if (!header) continue;
      check_same_run(path, *header, header_of(round, config_, data_, identity_), available_);
      return cat("; or move it away, to go on from ", path, ", which is of this run, after round ",
                 round);
    } catch (const InputError&) {
      continue;
    }
  }
  return "";
}

std::int64_t Checkpoints::resume(const VisitState& visit) {
  std::vector<std::int64_t> rounds;
  if (comm_.root())
    for (const auto& file : files_.found()) rounds.push_back(file.round);
  rounds = comm_.all_gather(std::span<const std::int64_t>(rounds));
  for (std::size_t k = 0; k < rounds.size(); ++k) {
    const auto path = files_.path(rounds[k]);
    try {
      const auto [header, damage] = verify_checkpoint(path, comm_);
      if (!header) {
        say(cat("warning: ", path, " is damaged and left aside: ", damage));
        continue;
      }
      check_it_is_ours(path, rounds[k], *header);
    } catch (const OtherRun& e) {
      throw InputError(cat(e.what(), older_of_ours(std::span(rounds).subspan(k + 1))));
    }
    load_checkpoint(path, visit, data_, comm_);
    say(cat("resumed after round ", rounds[k], " from ", path));
    return last_round_ = rounds[k];
  }
  say(cat(
      rounds.empty() ? "there is no checkpoint beside " : "there is no whole checkpoint beside ",
      config_.files.out, ": starting with round 1"));
  return 0;
}

void Checkpoints::write(std::int64_t round, const VisitState& visit) {
  auto written = write_checkpoint(files_.path(round), header_of(round, config_, data_, identity_),
                                  visit, data_, comm_);
  bytes_ = written.bytes;
  commit_ = std::move(written.commit);
  written_round_ = round;
}

// The file that is under way gets its name; the one before the last goes.
void Checkpoints::finish() {
  if (commit_ == nullptr) return;
  const auto commit = std::move(commit_);
  commit->wait();
  disk_seconds_ = comm_.max(commit->seconds());
  const auto path = files_.path(written_round_), before = last_path();
  comm_.on_root([&] { files_.keep_only({path, before}); });
  last_round_ = written_round_;
  ++written_;
}

void Checkpoints::warn(std::int64_t round, const InputError& error) const {
  const auto kept = last_round_ > 0 ? cat("the one after round ", last_round_, " is kept")
                                    : std::string("none is kept");
  say(cat("warning: no checkpoint after round ", round, ", ", kept, "; the run goes on. ",
          error.what()));
}

void Checkpoints::settle() {
  const double start = now_seconds();
  try {
    finish();
  } catch (const InputError& e) {
    warn(written_round_, e);
  }
  seconds_ += comm_.max(now_seconds() - start);
}

void Checkpoints::settle_if_done() {
  if (commit_ != nullptr && commit_->done()) settle();
}

void Checkpoints::save(std::int64_t round, const VisitState& visit) {
  settle();
  const double start = now_seconds();
  write(round, visit);
  finish();
  last_seconds_ = comm_.max(now_seconds() - start);
  disk_seconds_ = 0;
  seconds_ += last_seconds_;
}

bool Checkpoints::try_save(std::int64_t round, const VisitState& visit) {
  settle();
  const double start = now_seconds();
  try {
    write(round, visit);
  } catch (const ResultFileLost&) {  // HDF5 cannot go on after it
    throw;
  } catch (const InputError& e) {
    warn(round, e);
    return false;
  }
  last_seconds_ = comm_.max(now_seconds() - start);
  seconds_ += last_seconds_;
  // the budget must know what a disk takes
  if (written_ == 0 && config_.restart.time_budget.seconds > 0) settle();
  return true;
}

}  // namespace fedfuse
