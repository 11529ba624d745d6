#pragma once
// The checkpoints of one run: run.h5 has run.ckpt.10.h5, run.ckpt.20.h5, ... beside it, named by
// the round after which they stand. For one rank.
#include <cstdint>
#include <string>
#include <vector>

namespace fedfuse {

struct CheckpointFile {
  std::int64_t round = 0;
  std::string path;
};

class CheckpointFiles {
 public:
  explicit CheckpointFiles(const std::string& out);  // the run's result file

  [[nodiscard]] std::string path(std::int64_t round) const;
  [[nodiscard]] std::vector<CheckpointFile> found() const;  // newest first
  // Removes all but these, and what was begun and not finished by a run that was killed.
  void keep_only(const std::vector<std::string>& paths) const;

 private:
  std::string folder_, stem_;
};

}  // namespace fedfuse
