# shellcheck shell=bash
# Every job script sources this file after job.sh of its folder. It captures the environment, starts
# the ranks, and records the exit code. job.sh (written by jobs/submit.py or jobs/scaling.py) sets
# root, program, launcher, arguments, ranks and threads, and loads modules.
# shellcheck disable=SC2154  # they come from job.sh
set -euo pipefail

begin() { # folder
  folder=$1
  task=${SLURM_ARRAY_TASK_ID:+-$SLURM_ARRAY_TASK_ID}
  export OMP_NUM_THREADS=$threads FEDFUSE_RANKS_PER_NODE=$ranks_per_node
  [ -x "$program" ] ||
    end 2 "there is no program $program: build it, or give --program to jobs/submit.py"
  capture_environment >"$folder/environment$task.txt"
  local job="job ${SLURM_JOB_ID:-none}, restart ${SLURM_RESTART_COUNT:-0}"
  note "started on ${SLURM_JOB_NODELIST:-$(uname -n)}, $job"
  trap 'code=$?; [ "$code" -eq 0 ] || note "ended $code"' EXIT
}

note() { printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$folder/attempts$task.txt"; }
end() { # exit code, words
  printf 'fedfuse: %s\n' "$2" >&2
  exit "$1"
}

# Only variables that control MPI, threads and GPUs, because the file may be published.
capture_environment() {
  printf '# host\n%s\n' "$(uname -srm)"
  lscpu 2>/dev/null | grep -E '^(Model name|CPU\(s\)|Socket|Core|Thread|NUMA node\(s\)|L[23])' ||
    true
  printf '# gpus\n'
  nvidia-smi --query-gpu=index,name,driver_version,clocks.max.sm \
    --format=csv,noheader 2>/dev/null || printf 'none\n'
  printf '# modules\n%s\n# variables\n' "${LOADEDMODULES:-none}"
  local of_slurm='SLURM_(JOB|NNODES|NTASKS|CPUS|GPUS|TASKS|RESTART|ARRAY|STEP)'
  local of_others='OMP_|OMPI_MCA_|PRTE_MCA_|PMIX_MCA_|UCX_|NCCL_|CUDA_VISIBLE|FEDFUSE_'
  env | grep -E "^($of_slurm|$of_others)" | sort || true
  printf '# program\n%s\n# load\n%s\n' "$("$program" --version 2>/dev/null || printf unknown)" \
    "$(cat /proc/loadavg)"
  # affinity and quota, not the whole machine; nproc takes OMP_NUM_THREADS for cores
  printf '# cores\n%s\n' "$(python3 "$root/bench/records/load.py" 2>/dev/null ||
    env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)"
}

# Starts every rank through jobs/bind.sh, which prints its binding.
run() {
  local code=0
  "${launcher[@]}" "$root/jobs/bind.sh" "$@" || code=$?
  printf '# load after\n%s\n' "$(cat /proc/loadavg)" >>"$folder/environment$task.txt"
  note "ended $code"
  trap - EXIT
  return "$code"
}
