#pragma once
// The files that a run of `fedfuse train` writes: result, twin, checkpoints. Nobody else may write
// them while it runs, and it replaces only what it may.
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "data/output_claim.hpp"
#include "data/output_file.hpp"

namespace fedfuse {

// Collective. Empty, or why --resume has nothing to do: --out holds the result of this very run,
// and all its rounds are done. Data sets are compared by their counts.
[[nodiscard]] std::string why_done(const Config& config, const Comm& comm);

// Device, inode, size, time of the last change: an inode alone may have been given again.
using FileState = std::array<std::int64_t, 5>;

class RunOutputs {
 public:
  // Collective, before a run reads its data: may it write its result and its checkpoints?
  // InputError. A resumed run may replace the result of the run that it goes on from; a new one may
  // not silently stand beside another's checkpoints. config_file: of --config, or "".
  RunOutputs(const Config& config, const std::string& config_file, const Comm& comm);

  // For rank 0: of the file that stands at --out now. It is replaced with --overwrite, or when this
  // run or the one that it resumes wrote it.
  [[nodiscard]] Existing existing() const;
  void wrote();  // result and twin, now

 private:
  [[nodiscard]] bool may_replace(const std::string& path,
                                 const std::optional<FileState>& ours) const;
  std::string out_, twin_;
  bool overwrite_;
  std::optional<OutputClaims> claims_;
  std::optional<FileState> our_result_, our_twin_;
};

}  // namespace fedfuse
