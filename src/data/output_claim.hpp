#pragma once
// Who may write a path: one run at a time, and never over what the same command reads.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/comm.hpp"

namespace fedfuse {

// Device and inode: the same for all spellings of a path, for hard links and through symbolic
// links.
using FileIdentity = std::pair<unsigned long long, unsigned long long>;
// of the file that the path leads to; nothing where there is none
[[nodiscard]] std::optional<FileIdentity> identity_of(const std::string& path);
// of what stands at the path itself, be it a symbolic link
[[nodiscard]] std::optional<FileIdentity> identity_at(const std::string& path);

struct NamedPath {
  std::string name;  // its option: "--out"
  std::string path;  // empty: not given
};
// InputError when an output, or a file that is made on the way to it, is an input or another
// output. For one rank; opens nothing.
void check_outputs_differ(const std::vector<NamedPath>& outputs,
                          const std::vector<NamedPath>& inputs);

// The right to write one path, held until the end of this object: "<path>.lock" exists, is locked,
// and is removed at the end. The lock of a run that was killed is free and is taken over. Where the
// file system has no locks, the process that the file names decides: one that is gone on this host,
// or an earlier start of this SLURM job, holds nothing. For one rank.
class OutputClaim {
 public:
  // InputError when another run holds it, or something else stands at the name of the lock.
  explicit OutputClaim(std::string path);
  ~OutputClaim();
  OutputClaim(const OutputClaim&) = delete;
  OutputClaim& operator=(const OutputClaim&) = delete;

 private:
  [[nodiscard]] bool make();       // false: something stands there
  [[nodiscard]] bool take_over();  // false: try again
  std::string path_, lock_;
  int fd_ = -1;
};

// Everything that a command writes. Collective; InputError on all ranks.
class OutputClaims {
 public:
  // Compares outputs and inputs, then claims the outputs. overwrite: an output may exist.
  OutputClaims(const std::vector<NamedPath>& outputs, const std::vector<NamedPath>& inputs,
               bool overwrite, const Comm& comm);

 private:
  std::vector<std::unique_ptr<OutputClaim>> claims_;
};

}  // namespace fedfuse
