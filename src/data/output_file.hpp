#pragma once
// A file that appears whole or not at all: it is written as "<path>.partial" and renamed when
// complete.
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/comm.hpp"
#include "data/output_claim.hpp"

namespace fedfuse {

// The path without a final .h5 or .hdf5, for names that are made of it. Nothing else is cut: lr0.1
// and lr0.5 must not become one name.
[[nodiscard]] std::string without_h5(const std::string& path);

// Behind the path: what is written, and what holds the claim on it (output_claim.hpp).
inline constexpr const char *partial_ending = ".partial", *lock_ending = ".lock";

// Of a file that stands at the path already.
enum class Existing {
  refuse,      // before anything is written
  replace,     // it, whatever it is
  keep_beside  // it stays, and the new file stands beside it under a name that the error says
};

// InputError when nothing can be written at the path: a folder, no folder around it, a file that
// may not be overwritten. For one rank.
void check_place(const std::string& path, bool overwrite);

// The caller holds the claim on the path, so that a partial file that stands there already is what
// a killed run left: it is replaced. Symbolic links and special files in its place are refused.
class OpenFile;

class OutputFile {
 public:
  // Collective. InputError (on all ranks) when the path exists and may not be overwritten, its
  // folder is absent, it cannot be written, or the disk has less than `bytes` left.
  OutputFile(std::string path, Existing existing, std::int64_t bytes, const Comm& comm);
  ~OutputFile();  // removes the partial file unless commit() was reached
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] const std::string& partial() const { return partial_; }
  // Collective, after a write failed: gives the space back, so that HDF5 can still close the file
  // on a full disk.
  void release_space();
  // Collective; the file must be closed on all ranks. Brings it to the disk and gives it its name.
  // InputError when a file has appeared there meanwhile that may not be replaced: the new file
  // stands beside it under a name that the error says.
  void commit();

 private:
  void discard();
  void bring_to_disk() const;  // what this node wrote
  void make_partial();         // rank 0
  void give_name();            // rank 0
  [[noreturn]] void stand_beside();
  friend class BackgroundCommit;
  const Comm& comm_;
  std::string path_, partial_;
  Existing existing_;
  // of the partial file, where this rank made it and must remove it
  std::optional<FileIdentity> ours_;
  std::unique_ptr<OpenFile> held_;  // open, so that no other file can get this identity
};

// commit() while the caller goes on: a disk may take seconds for what memory takes at once. A
// thread of one rank a node works; it calls no MPI. The file gets its name in wait().
class BackgroundCommit {
 public:
  // Collective. The file must be closed on all ranks.
  explicit BackgroundCommit(std::unique_ptr<OutputFile> file);
  ~BackgroundCommit();  // waits for the thread; the file is removed unless wait() was reached
  BackgroundCommit(const BackgroundCommit&) = delete;
  BackgroundCommit& operator=(const BackgroundCommit&) = delete;
  [[nodiscard]] bool done() const;  // collective: all disks have it, wait() will not wait
  // Collective. InputError on all ranks when a disk would not take it.
  void wait();
  // after wait: that this rank's disk took
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  std::unique_ptr<OutputFile> file_;
  double seconds_ = 0;
  std::exception_ptr failure_;
  std::atomic<bool> working_{false};
  std::thread worker_;
};

}  // namespace fedfuse
