#!/usr/bin/env bash
# launcher jobs/bind.sh PROGRAM...
# Runs once per rank: binds the rank to cores and to one GPU, prints the binding, and executes
# PROGRAM.
# Cores: local rank k gets the k-th group of OMP_NUM_THREADS cores. Nothing is bound when
#   - the launcher has bound the rank,
#   - the ranks need more cores than the node has,
#   - the number of ranks on the node is not known (FEDFUSE_RANKS_PER_NODE sets it), or
#   - the job has fewer cores than the rank may use, and their numbers are not known.
# GPU: visible device [local rank mod number of devices]; the program sees only this device.
# FEDFUSE_BIND=off prints and binds nothing.
set -euo pipefail
[ $# -gt 0 ] || { echo "usage: LAUNCHER jobs/bind.sh PROGRAM..." >&2; exit 2; }

# shellcheck source-path=SCRIPTDIR source=lib/numbers.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/numbers.sh"

# least, names, number: the number in the first of the variables named that is not empty, or the
# last word
first_of() {
  local name
  for name in "${@:2:$#-2}"; do
    if [ -n "${!name:-}" ]; then
      whole "$name" "${!name}" "$1"
      return
    fi
  done
  printf '%s' "${!#}"
}

# Open MPI, SLURM, MPICH and Intel MPI, Cray PALS and Flux use different names for the same values.
# mpirun inside a SLURM job sets its own names and inherits SLURM_LOCALID of the job script, so the
# names of the launchers come first.
rank=$(first_of 0 OMPI_COMM_WORLD_RANK PALS_RANKID FLUX_TASK_RANK PMI_RANK PMIX_RANK \
  SLURM_PROCID 0)
local_rank=$(first_of 0 OMPI_COMM_WORLD_LOCAL_RANK PALS_LOCAL_RANKID FLUX_TASK_LOCAL_ID \
  MPI_LOCALRANKID SLURM_LOCALID 0)
local_ranks=$(first_of 1 OMPI_COMM_WORLD_LOCAL_SIZE PALS_LOCAL_SIZE MPI_LOCALNRANKS \
  FEDFUSE_RANKS_PER_NODE 1)
threads=1
[ -z "${OMP_NUM_THREADS:-}" ] || threads=$(first_whole OMP_NUM_THREADS "$OMP_NUM_THREADS")
bind=${FEDFUSE_BIND:-on}
[ "$bind" = on ] || [ "$bind" = off ] ||
  stop "FEDFUSE_BIND=$bind has no meaning" "it is on or off" "set it to one of them, or unset it"
# one name for all launchers; profilers use it in file names
export FEDFUSE_RANK=$rank

expand() { # 0-2,5 -> 0 1 2 5
  local part
  for part in ${1//,/ }; do seq "${part%-*}" "${part#*-}"; done
}
joined() { local IFS=,; printf '%s' "$*"; }

allowed=$(awk '/^Cpus_allowed_list:/ {print $2}' /proc/self/status)
mapfile -t cores < <(expand "$allowed")
given=$(first_of 1 SLURM_CPUS_ON_NODE "$(nproc --all)")
bound=()
if [ "${#cores[@]}" -lt "$given" ]; then
  why="bound by the launcher"
elif [ "$local_rank" -ge "$local_ranks" ]; then
  why="not bound: the launcher does not say how many ranks are here"
elif [ $((local_ranks * threads)) -gt "${#cores[@]}" ]; then
  why="not bound: $local_ranks ranks x $threads threads on ${#cores[@]} cores, oversubscribed"
elif [ "${#cores[@]}" -gt "$given" ]; then
  why="not bound: the job has $given of the ${#cores[@]} cores, and nothing says which"
elif [ "$bind" = off ]; then
  why="not bound: FEDFUSE_BIND=off"
elif ! command -v taskset >/dev/null; then
  why="not bound: there is no taskset"
else
  allowed=$(joined "${cores[@]:local_rank*threads:threads}")
  bound=(taskset -c "$allowed")
  why="bound"
fi

# A variable that is set but empty hides every device, and so does what stands behind -1: as CUDA
# reads the list.
device="none"
devices=()
if [ -n "${CUDA_VISIBLE_DEVICES+set}" ]; then
  IFS=, read -ra listed <<<"$CUDA_VISIBLE_DEVICES"
  for word in "${listed[@]}"; do
    word=$(trimmed "$word")
    if [ -z "$word" ] || [ "$word" = NoDevFiles ] || [[ $word == -* ]]; then break; fi
    devices+=("$word")
  done
elif command -v nvidia-smi >/dev/null &&
  found=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null); then
  mapfile -t devices <<<"$found"
fi
if [ "${#devices[@]}" -gt 0 ] && [ -n "${devices[0]}" ]; then
  device=${devices[$((local_rank % ${#devices[@]}))]}
  [ "$bind" = off ] || export CUDA_VISIBLE_DEVICES=$device
  device="$device of ${#devices[@]}"
fi

printf 'bind: rank %s on %s (local %s of %s): cores %s (%s), %s threads, GPU %s\n' \
  "$rank" "$(uname -n)" "$local_rank" "$local_ranks" "$allowed" "$why" "$threads" "$device" >&2
exec "${bound[@]}" "$@"
