#include "app/exit_together.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "results/record.hpp"

namespace fedfuse {
namespace {

constexpr int input_failed = 2, program_failed = 1;

struct Outcome {
  int code = 0;
  std::string text;
  bool must_abort = false;  // MPI_Finalize would not come back
};

Outcome attempt(const std::function<void()>& work, int rank) {
  try {
    work();
    return {};
  } catch (const ResultFileLost& e) {
    return {input_failed, cat("fedfuse: error: ", e.what(), "\n"), true};
  } catch (const InputError& e) {
    return {input_failed, cat("fedfuse: error: ", e.what(), "\n")};
  } catch (const std::bad_alloc&) {
    return {program_failed,
            cat("fedfuse: error: out of memory on rank ", rank, "\n  why: it holds ",
                current_memory_bytes() >> 20, " MiB and asked for more than the machine gives",
                "\n  do:  use fewer or smaller: clients, --dim, --uploads replay, or spread the "
                "ranks over more machines\n")};
  } catch (const std::exception& e) {
    return {program_failed, cat("fedfuse: internal error on rank ", rank, ": ", e.what(), "\n")};
  } catch (...) {
    return {program_failed,
            cat("fedfuse: internal error on rank ", rank, ": an exception of unknown type\n")};
  }
}

void say(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace

int run_to_exit_code(const Comm& comm, const std::function<void()>& work, double patience) {
  if (comm.raw() == MPI_COMM_NULL) {  // no rank to agree with
    const auto alone = attempt(work, 0);
    if (alone.code != 0) say(alone.text);
    return alone.code;
  }
  // what is still under way on the world communicator must not be mixed with the agreement
  MPI_Comm apart = MPI_COMM_NULL;
  MPI_Comm_dup(comm.raw(), &apart);
  const auto outcome = attempt(work, comm.rank());

  constexpr int codes = 4;
  const int fine = comm.size() * codes;
  const int mine = outcome.code == 0 ? fine : comm.rank() * codes + outcome.code;
  int first = fine;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Iallreduce(&mine, &first, 1, MPI_INT, MPI_MIN, apart, &request);
  const double start = now_seconds();
  for (int done = 0;;) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done != 0) break;
    if (outcome.code != 0 && now_seconds() - start > patience) {
      say(outcome.text);
      MPI_Abort(comm.raw(), outcome.code);
      std::abort();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (mine == first && outcome.code != 0) say(outcome.text);
  if (outcome.must_abort) {
    MPI_Barrier(apart);  // all ranks lost the file; the message is out
    MPI_Abort(comm.raw(), outcome.code);
  }
  MPI_Comm_free(&apart);
  if (first == fine) return 0;
  return first % codes;
}

}  // namespace fedfuse
