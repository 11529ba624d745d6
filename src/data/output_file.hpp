#pragma once
// A file that appears whole or not at all: it is written as "<path>.partial" and renamed when complete.
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <thread>

#include "core/comm.hpp"

namespace fedfuse {

class OutputFile {
 public:
  // Collective. InputError (on all ranks) when the path exists and may not be overwritten, its folder is
  // absent, it cannot be written, or the disk has less than `bytes` left.
  OutputFile(std::string path, bool overwrite, std::int64_t bytes, const Comm& comm);
  ~OutputFile();  // removes the partial file unless commit() was reached
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] const std::string& partial() const { return partial_; }
  // Collective, after a write failed: gives the space back, so that HDF5 can still close the file on a full disk.
  void release_space();
  // Collective; the file must be closed on all ranks. Brings it to the disk and gives it its name.
  void commit();
  // The same by one process, its owner: what BackgroundCommit's thread does.
  void commit_here();

 private:
  void discard();
  friend class BackgroundCommit;
  const Comm& comm_;
  std::string path_, partial_;
  bool ours_ = false;  // this rank made the partial file and must remove it
};

// commit() while the caller goes on: a disk may take seconds for what memory takes at once. Rank 0's thread works; it calls no MPI.
class BackgroundCommit {
 public:
  // The file must be closed on all ranks.
  explicit BackgroundCommit(std::unique_ptr<OutputFile> file);
  ~BackgroundCommit();  // waits; what went wrong is lost
  BackgroundCommit(const BackgroundCommit&) = delete;
  BackgroundCommit& operator=(const BackgroundCommit&) = delete;
  // Collective: returns once the file has its name. InputError on all ranks when it could not get it.
  void wait();
  [[nodiscard]] double seconds() const { return seconds_; }  // after wait: that the disk took; 0 on ranks above 0

 private:
  std::unique_ptr<OutputFile> file_;
  double seconds_ = 0;
  std::exception_ptr failure_;
  std::thread worker_;
};

}  // namespace fedfuse
