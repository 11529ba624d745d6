#include "app/lone_start.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "core/environment.hpp"

namespace fedfuse {
bool started_alone() {
  // Open MPI 4 and 5, MPICH and Intel MPI, Cray PALS, Flux
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE",
                           "PALS_RANKID", "FLUX_TASK_RANK"})
    if (!environment_variable(name).empty()) return false;
  // srun gives every task its number; a step of one task needs no launcher.
  const auto tasks = environment_variable("SLURM_STEP_NUM_TASKS");
  return tasks.empty() || tasks == "1";
}

bool one_of_several() {
  if (started_alone()) return false;
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    if (const auto size = environment_variable(name); !size.empty()) return size != "1";
  return true;  // the launcher does not say
}

bool needs_no_mpi(const std::vector<std::string>& argv) {
  if (argv.size() < 2 || argv[1] == "info" || argv[1] == "table" || argv[1] == "completion")
    return true;
  return std::any_of(argv.begin() + 1, argv.end(), [](const std::string& word) {
    return word == "--help" || word == "-h" || word == "--version" || word == "--dump-config";
  });
}

LoneStart::LoneStart() {
  setenv("HOME", "/", 0);
  if (!started_alone()) return;
  unsetenv("SLURM_NODELIST");
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  std::error_code error;
  std::string base(environment_variable("OMPI_MCA_orte_tmpdir_base"));
  if (base.empty()) base = std::filesystem::temp_directory_path(error).string();
  auto name = base + "/fedfuse-mpi-XXXXXX";
  if (error || mkdtemp(name.data()) == nullptr) return;  // Open MPI's own folder, as without us
  folder_ = name;
  setenv("OMPI_MCA_orte_tmpdir_base", folder_.c_str(), 1);
}

LoneStart::~LoneStart() {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
}

}  // namespace fedfuse
