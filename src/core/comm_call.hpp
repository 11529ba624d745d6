#pragma once
// Inside Comm: a call of MPI that is checked, and its seconds.
#include <mpi.h>

#include <string>

#include "core/comm.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace fedfuse::mpi {

inline void check(int status, const char* file, const char* expression, int line) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0, rank = -1;
  MPI_Error_string(status, text, &length);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  throw InternalError(cat(file, ":", line, ": ", expression, " on rank ", rank, ": ",
                          std::string(text, std::size_t(length))));
}
#define MPI_OK(call) mpi::check((call), __FILE__, #call, __LINE__)

class Stopwatch {
 public:
  explicit Stopwatch(Moved& moved) : seconds_(moved.seconds), start_(now_seconds()) {}
  ~Stopwatch() { seconds_ += now_seconds() - start_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& seconds_;
  double start_;
};

}  // namespace fedfuse::mpi
