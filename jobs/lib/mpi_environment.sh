# shellcheck shell=sh
#   . jobs/lib/mpi_environment.sh      in any shell, then mpirun as usual
# Settings of Open MPI 4 and 5 for one machine: as root, in a container, with more ranks than cores,
# over the loopback. Variables that are set, also to nothing, stay as they are. Every launcher takes
# these settings from here: bench/records/mpi_environment.py for Python,
# tests/support/mpi_environment.cmake for the tests. Across several machines the loopback would keep
# the ranks apart: there, a system file (jobs/systems) has the settings of the site.

# Open MPI 5 starts its ranks by PRTE, which has names of its own.
export OMPI_ALLOW_RUN_AS_ROOT="${OMPI_ALLOW_RUN_AS_ROOT-1}"
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM-1}"
export PRTE_ALLOW_RUN_AS_ROOT="${PRTE_ALLOW_RUN_AS_ROOT-1}"
export PRTE_ALLOW_RUN_AS_ROOT_CONFIRM="${PRTE_ALLOW_RUN_AS_ROOT_CONFIRM-1}"
export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe-1}"
PRTE_MCA_rmaps_default_mapping_policy="${PRTE_MCA_rmaps_default_mapping_policy-:oversubscribe}"
export PRTE_MCA_rmaps_default_mapping_policy

# Open MPI refuses a list of interfaces to include beside one to exclude.
if [ -z "${OMPI_MCA_btl_tcp_if_exclude+set}" ]; then
  export OMPI_MCA_btl_tcp_if_include="${OMPI_MCA_btl_tcp_if_include-lo}"
fi
if [ -z "${OMPI_MCA_oob_tcp_if_exclude+set}" ]; then
  export OMPI_MCA_oob_tcp_if_include="${OMPI_MCA_oob_tcp_if_include-lo}"
fi

# Open MPI 5 stops where there is no HOME, as in some services.
export HOME="${HOME-/}"

# A container refuses to read the memory of another process. Open MPI 5 has the second name.
OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism-none}"
export OMPI_MCA_btl_vader_single_copy_mechanism
export OMPI_MCA_smsc="${OMPI_MCA_smsc-^cma}"

# A container without /sys: hwloc, which looks for cores there, says so in every rank.
export HWLOC_HIDE_ERRORS="${HWLOC_HIDE_ERRORS-2}"

# A rank or a thread that waits leaves its core to another.
export OMPI_MCA_mpi_yield_when_idle="${OMPI_MCA_mpi_yield_when_idle-1}"
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY-passive}"
