#!/usr/bin/env bash
# Tests and measures fedfuse on a machine with a GPU; all output goes to one folder.
#   jobs/gpu.sh OUT                 all of it, after jobs/setup.sh or a build of your own
#   jobs/gpu.sh OUT tests numbers   some of: tests several sanitizer numbers rounds profile
# FEDFUSE_BUILD: the build folder (default build/release). FEDFUSE_GOLDENS: as in jobs/test.sh.
# FEDFUSE_TEST_SEED: seed of the additional test inputs (default: a new one).
# OUT/summary.txt lists what passed. A failure does not stop the script; the exit code is then 1.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${FEDFUSE_BUILD:-$root/build/release}
out=${1:?a folder for the results}
shift
parts=("$@")
[ $# -gt 0 ] || parts=(tests several sanitizer numbers rounds profile)
mkdir -p "$out"
summary=$out/summary.txt
: >"$summary"
failed=0
say() { echo "$*" | tee -a "$summary"; }

# name, command...: the output goes to OUT/name.txt. A filter that matches no test counts as a
# failure.
step() {
  local name=$1 code
  shift
  { echo "\$ $*"; "$@"; } >"$out/$name.txt" 2>&1
  code=$?
  if [ "$code" -eq 124 ]; then
    say "TIMED OUT $name" && failed=1
  elif [ "$code" -ne 0 ]; then
    say "FAILED  $name (exit code $code)" && failed=1
  elif grep -q 'Running 0 tests' "$out/$name.txt"; then
    say "FAILED  $name (no test has that name)" && failed=1
  else say "ok      $name"; fi
}

if ! nvidia-smi -L >/dev/null 2>&1; then
  say "no GPU: nvidia-smi names none; nothing was run"
  exit 2
fi
gpus=$(nvidia-smi -L | grep -c '^GPU')
if [ ! -x "$build/fedfuse" ]; then
  say "no program in $build: build first (jobs/quickstart.sh, or cmake --preset release)"
  exit 2
fi
facts=name,uuid,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit
nvidia-smi --query-gpu="$facts" --format=csv >"$out/chip.csv"
"$build/fedfuse" --version >>"$out/chip.csv"
say "$(sed -n 2p "$out/chip.csv"), $("$build/fedfuse" --version)"
# shellcheck source-path=SCRIPTDIR source=lib/mpi_environment.sh
. "$root/jobs/lib/mpi_environment.sh"

kernels=(gather sample aggregate aggregate_device local_train rank preference kmeans views teacher)
of_kernels='*Every*:*Variant*:*Reference*:*RowsStand*:*Heads*:*ManyClients*:*ManyTiles*'
of_kernels+=':*StepWithoutSlots*:-*Emulated*:*EveryOrder*'

# Fresh device memory is poisoned, so an element that is never written cannot hold an old correct
# value. Then the kernels run again, on inputs of a new seed.
tests() {
  local -x FEDFUSE_POISON=1
  for name in "${kernels[@]/#/kernels/}" kernels/group_prior core/graph server/grouping \
    server/server_models server/sums_to_host server/device_engine server/device_prior \
    server/resident_state evaluation/evaluation; do
    step "test_${name##*/}" env -u FEDFUSE_TEST_SEED "$build/tests/${name}_test"
  done
  local -x FEDFUSE_TEST_SEED=${FEDFUSE_TEST_SEED:-$(((RANDOM << 15) + RANDOM + 1))}
  say "fresh inputs: FEDFUSE_TEST_SEED=$FEDFUSE_TEST_SEED"
  for name in "${kernels[@]}"; do step "fresh_$name" "$build/tests/kernels/${name}_test"; done
}

# Two ranks: sums use NCCL when each rank has its own GPU, else pinned host memory.
several() {
  command -v mpirun >/dev/null || { say "skipped several: there is no mpirun"; return; }
  step two_ranks_engine mpirun -n 2 "$build/tests/server/device_engine_test" \
    --gtest_filter='*AnyRanks*:*WhereverSumsMeet*'
  for name in server/sums_to_host server/grouping server/server_models evaluation/evaluation; do
    step "two_ranks_${name##*/}" mpirun -n 2 "$build/tests/${name}_test"
  done
  step collectives mpirun -n "$gpus" "$build/bench/bench_collectives" --out "$out/collectives.json"
  step several_generate "$build/fedfuse" generate --users 20000 --items 5000 --seed 0 \
    --out "$out/several_data.h5" --overwrite
  step several_train mpirun -n 2 "$build/fedfuse" train --data "$out/several_data.h5" \
    --device cuda --backbone fcf --fusion gfmfr --teacher-epochs 1 --rounds 2 --seed 0 \
    --out "$out/several.h5" --overwrite
  local reduction
  reduction=$(sed -nE 's/.*"reduction": *"([^"]*)".*/\1/p' "$out/several.json" 2>/dev/null |
    head -n 1)
  if [ -n "$reduction" ]; then
    say "        two ranks, $gpus GPUs, sums by: $reduction"
  else
    say "FAILED  several_train (its record does not say how sums were reduced)"
    failed=1
  fi
  rm -f "$out"/several{,_data}.h5
}

# The tests of the kernels, without the cases that only the emulation needs: the sanitizer looks for
# device errors. A CUDA-aware MPI asks CUDA about host pointers, and CUDA returns errors that are
# not ours; fedfuse checks every call itself. MPI starts no daemon here: the sanitizer would watch
# it too.
sanitizer() {
  if ! command -v compute-sanitizer >/dev/null; then
    say "skipped sanitizer: there is no compute-sanitizer (CUDA toolkit)"
    return
  fi
  local -x OMPI_MCA_ess_singleton_isolated=1
  unset FEDFUSE_POISON  # poisoned memory would hide errors from initcheck
  for tool in memcheck racecheck initcheck synccheck; do
    local watched=(timeout 300 compute-sanitizer --tool "$tool" --error-exitcode 1)
    [ "$tool" != memcheck ] || watched+=(--report-api-errors no)
    for name in "${kernels[@]}"; do
      step "${tool}_$name" "${watched[@]}" "$build/tests/kernels/${name}_test" \
        --gtest_filter="$of_kernels"
    done
    step "${tool}_round" "${watched[@]}" "$build/tests/server/device_engine_test" \
      --gtest_filter='*SameBitsForAnyUploads*'
    step "${tool}_state" "${watched[@]}" "$build/tests/server/resident_state_test" \
      --gtest_filter='*HoweverChunksAreCut*'
  done
}

numbers() {
  step kernels "$build/bench/bench_kernels" --benchmark_filter=/cuda --benchmark_repetitions=5 \
    --benchmark_out="$out/kernels.json" --benchmark_out_format=json
}

# Client-rounds/s by head, and a round of a million clients x 100,000 items.
rounds() {
  local data=$out/million.h5
  [ -f "$data" ] ||
    step generate "$build/fedfuse" generate --users 1000000 --items 100000 --seed 0 --out "$data"
  local common=(train --data "$data" --device cuda --seed 0 --eval-clients 2000 \
    --teacher-epochs 1 --rounds 3 --overwrite)
  step round_linear "$build/fedfuse" "${common[@]}" --backbone fcf --fusion none \
    --out "$out/linear.h5"
  step round_gfmfr "$build/fedfuse" "${common[@]}" --backbone fcf --fusion gfmfr \
    --out "$out/gfmfr.h5"
  # a shared head: private heads would take 33 GB
  step round_mlp "$build/fedfuse" "${common[@]}" --backbone fedncf --head mlp --fusion none \
    --out "$out/mlp.h5"
  # a router takes 50 kB
  step generate_router "$build/fedfuse" generate --users 50000 --items 100000 --seed 0 \
    --out "$out/router_data.h5" --overwrite
  common[2]=$out/router_data.h5
  step round_router "$build/fedfuse" "${common[@]}" --backbone fcf --fusion fedvlr \
    --out "$out/router.h5"
  # the cost of copying the state
  step round_router_crossing "$build/fedfuse" "${common[@]}" --backbone fcf --fusion fedvlr \
    --client-state host --out "$out/router_crossing.h5"
  step table "$build/fedfuse" table "$out"/{linear,gfmfr,mlp,router,router_crossing}.h5
  # the JSON twins hold the numbers
  rm -f "$out"/{linear,gfmfr,mlp,router,router_crossing,router_data,million}.h5
}

profile() {
  command -v ncu >/dev/null || { say "skipped profile: there is no ncu"; return; }
  for name in local_train/cuda/mlp local_train/cuda/linear sample/cuda/85_samples \
    aggregate/cuda-sorted/1000_items preference/cuda-fused/1048576_items_5_groups \
    rank/cuda/4096_clients_100000_items rank/cuda/mlp_4096_clients_100000_items \
    rank/cuda/neumf_4096_clients_100000_items \
    kmeans/cuda-nearest/1048576_points_65_columns_5_groups \
    kmeans/cuda-step/1048576_points_65_columns_5_groups \
    views/cuda/forward_65536_items views/cuda/backward_65536_items; do
    step "ncu_${name//\//_}" timeout 300 ncu --profile-from-start off --set full --force-overwrite \
      --export "$out/${name//\//_}" "$build/bench/bench_profile" "$name"
  done
}

for part in "${parts[@]}"; do
  case $part in
    tests) tests ;;
    several) several ;;
    sanitizer) sanitizer ;;
    numbers) numbers ;;
    rounds) rounds ;;
    profile) profile ;;
    *) say "there is no part $part: tests several sanitizer numbers rounds profile" && exit 2 ;;
  esac
done
exit $failed
