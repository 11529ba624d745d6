#pragma once
// A start without a launcher (no mpirun, no srun of several tasks) must come before MPI_Init.
// Open MPI then runs as an isolated singleton: it starts no daemon.
#include <string>
#include <vector>

namespace fedfuse {

// True where no launcher of MPI processes has started this one.
[[nodiscard]] bool started_alone();

// True where more than one process may be part of this start: their outputs must not be mixed.
[[nodiscard]] bool one_of_several();

// True where the command reads or writes no more than one process can: help, version, info, table,
// completion, the configuration. It runs without MPI_Init unless it is one_of_several().
[[nodiscard]] bool needs_no_mpi(const std::vector<std::string>& argv);

// Prepares the environment of MPI_Init, mostly where the process is alone.
// - Open MPI 5 stops where there is no HOME, with a launcher too.
// - Open MPI gets a session folder of its own: all isolated singletons use the same job number, so
//   that two concurrent starts with one TMPDIR would make and remove the same folder.
// - SLURM_NODELIST is hidden: inside a job step Open MPI would take the process for one that srun
//   has started, and end it where it was built without SLURM.
class LoneStart {
 public:
  LoneStart();
  ~LoneStart();  // after MPI_Finalize: removes the session folder
  LoneStart(const LoneStart&) = delete;
  LoneStart& operator=(const LoneStart&) = delete;

 private:
  std::string folder_;
};

}  // namespace fedfuse
