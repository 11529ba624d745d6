#pragma once
// A file that appears whole or not at all: it is written as "<path>.partial" and renamed when complete.
#include <cstdint>
#include <string>

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

 private:
  void discard();
  const Comm& comm_;
  std::string path_, partial_;
  bool ours_ = false;  // this rank made the partial file and must remove it
};

}  // namespace fedfuse
