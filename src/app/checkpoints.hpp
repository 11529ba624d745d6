#pragma once
// When checkpoints are written, which one a run goes on from, and which are kept. The files are
// results/checkpoint.hpp's.
#include <cstdint>
#include <span>
#include <string>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "core/error.hpp"
#include "data/dataset.hpp"
#include "results/checkpoint.hpp"
#include "results/checkpoint_files.hpp"

namespace fedfuse {

class Checkpoints {
 public:
  // config: effective; identity: of the run. data and comm must outlive this. Collective; a run
  // that does not resume removes what an older one left.
  Checkpoints(const Config& config, const Identity& identity, const Dataset& data,
              const Comm& comm);

  // Collective. Fills the state from the newest checkpoint that is whole and returns its round; 0
  // when there is none. Says on stderr which it took and which are damaged. InputError when it is
  // of another run, which names an older one that is of ours.
  std::int64_t resume(const VisitState& visit);
  // After resume(): the program is of both programs, where another one began the run.
  [[nodiscard]] const Identity& identity() const { return identity_; }
  // Collective; returns once it is on the disk. InputError when it cannot be written; the one
  // before is kept.
  void save(std::int64_t round, const VisitState& visit);
  // Collective; returns once the state may change again, the disk works on in the background. What
  // goes wrong is said on stderr: then false.
  bool try_save(std::int64_t round, const VisitState& visit);
  // Collective: waits for that disk, and gives the file its name. Between rounds: only if the disk
  // is done.
  void settle();
  void settle_if_done();

  // of the newest that is whole; 0: none
  [[nodiscard]] std::int64_t last_round() const { return last_round_; }
  [[nodiscard]] std::string last_path() const { return files_.path(last_round_); }
  [[nodiscard]] std::int64_t written() const { return written_; }
  // of the last that was written
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  // that the run stood still for all of them, slowest rank
  [[nodiscard]] double seconds() const { return seconds_; }
  // that one takes until it is on the disk
  [[nodiscard]] double last_seconds() const { return last_seconds_ + disk_seconds_; }

 private:
  void check_it_is_ours(const std::string& path, std::int64_t round,
                        const CheckpointHeader& header);
  [[nodiscard]] std::string older_of_ours(std::span<const std::int64_t> rounds) const;
  void say(const std::string& text) const;
  void write(std::int64_t round, const VisitState& visit);
  void finish();
  void warn(std::int64_t round, const InputError& error) const;
  const Config config_;
  Identity identity_;
  const Dataset& data_;
  const Comm& comm_;
  CheckpointFiles files_;
  std::string available_;  // targets, for messages
  // of the checkpoint after round written_round_; null: none is under way
  std::unique_ptr<BackgroundCommit> commit_;
  std::int64_t written_round_ = 0;
  std::int64_t last_round_ = 0, written_ = 0, bytes_ = 0;
  double seconds_ = 0, last_seconds_ = 0, disk_seconds_ = 0;  // disk: of the last in the background
};

}  // namespace fedfuse
