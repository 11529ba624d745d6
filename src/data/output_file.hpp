#pragma once
// A file that appears whole or not at all: it is written as "<path>.partial" and renamed when
// complete.
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <thread>

#include "core/comm.hpp"

namespace fedfuse {

// The path without a final .h5 or .hdf5, for names that are made of it. Nothing else is cut: lr0.1
// and lr0.5 must not become one name.
[[nodiscard]] std::string without_h5(const std::string& path);

class OutputFile {
 public:
  // Collective. InputError (on all ranks) when the path exists and may not be overwritten, its
  // folder is absent, it cannot be written, or the disk has less than `bytes` left.
  OutputFile(std::string path, bool overwrite, std::int64_t bytes, const Comm& comm);
  ~OutputFile();  // removes the partial file unless commit() was reached
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] const std::string& partial() const { return partial_; }
  // Collective, after a write failed: gives the space back, so that HDF5 can still close the file
  // on a full disk.
  void release_space();
  // Collective; the file must be closed on all ranks. Brings it to the disk and gives it its name.
  void commit();

 private:
  void discard();
  void bring_to_disk() const;  // what this node wrote
  void give_name();            // rank 0
  friend class BackgroundCommit;
  const Comm& comm_;
  std::string path_, partial_;
  bool ours_ = false;  // this rank made the partial file and must remove it
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
