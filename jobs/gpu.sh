#!/usr/bin/env bash
# Everything that a machine with a GPU can say of fedfuse, into one folder: correctness first, then numbers.
#   jobs/gpu.sh OUT                 all of it, after jobs/setup.sh or a build of your own
#   jobs/gpu.sh OUT tests numbers   some of: tests sanitizer numbers rounds profile
# FEDFUSE_BUILD: the build folder (default build/release). FEDFUSE_GOLDENS: as in jobs/test.sh. OUT/summary.txt says what passed; nothing stops at the
# first failure, and the exit code is 1 when anything failed.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${FEDFUSE_BUILD:-$root/build/release}
out=${1:?a folder for the results}
shift
parts=("$@")
[ $# -gt 0 ] || parts=(tests sanitizer numbers rounds profile)
mkdir -p "$out"
summary=$out/summary.txt
: >"$summary"
failed=0
say() { echo "$*" | tee -a "$summary"; }

# name, command...: its output goes to OUT/name.txt
step() {
  local name=$1 code
  shift
  { echo "\$ $*"; "$@"; } >"$out/$name.txt" 2>&1
  code=$?
  if [ "$code" -eq 124 ]; then
    say "TIMED OUT $name" && failed=1
  elif [ "$code" -eq 0 ]; then say "ok      $name"; else say "FAILED  $name (exit code $code)" && failed=1; fi
}

if ! nvidia-smi -L >/dev/null 2>&1; then
  say "no GPU: nvidia-smi names none; nothing was run"
  exit 2
fi
[ -x "$build/fedfuse" ] || { say "no program in $build: build first (jobs/quickstart.sh, or cmake --preset release)"; exit 2; }
nvidia-smi --query-gpu=name,uuid,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit --format=csv >"$out/chip.csv"
"$build/fedfuse" --version >>"$out/chip.csv"
say "$(sed -n 2p "$out/chip.csv"), $("$build/fedfuse" --version)"
[ "$(id -u)" -ne 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

tests() {
  for name in kernels/test_sample kernels/test_aggregate kernels/test_aggregate_device kernels/test_local_train kernels/test_rank kernels/test_preference kernels/test_kmeans kernels/test_views kernels/test_fusion core/test_graph server/test_grouping server/test_server_models server/test_device_engine; do
    step "test_${name##*/test_}" "$build/tests/$name"
  done
}

# The kernels' own tests without what the emulation repeats: errors of the device are what is looked for.
sanitizer() {
  command -v compute-sanitizer >/dev/null || { say "skipped sanitizer: there is no compute-sanitizer (CUDA toolkit)"; return; }
  for tool in memcheck racecheck initcheck synccheck; do
    for name in sample aggregate local_train rank preference kmeans views fusion; do
      step "${tool}_$name" timeout 300 compute-sanitizer --tool "$tool" --error-exitcode 1 "$build/tests/kernels/test_$name" --gtest_filter='*Every*:*Variant*:*Reference*:-*Emulated*:*EveryOrder*'
    done
    step "${tool}_round" timeout 300 compute-sanitizer --tool "$tool" --error-exitcode 1 "$build/tests/server/test_device_engine" --gtest_filter='*HoweverChunksAreCut:*SameBitsForAnyUploads*'
  done
}

numbers() {
  step kernels "$build/bench/bench_kernels" --benchmark_filter=/cuda --benchmark_repetitions=5 --benchmark_out="$out/kernels.json" --benchmark_out_format=json
}

# Client-rounds a second by head, and a round of a million clients x 100,000 items.
rounds() {
  local data=$out/million.h5
  [ -f "$data" ] || step generate "$build/fedfuse" generate --users 1000000 --items 100000 --seed 0 --out "$data"
  local common=(train --data "$data" --device cuda --seed 0 --lr-items 50 --eval-clients 2000 --teacher-epochs 1 --rounds 3 --overwrite)
  step round_linear "$build/fedfuse" "${common[@]}" --backbone fcf --fusion none --out "$out/linear.h5"
  step round_gfmfr "$build/fedfuse" "${common[@]}" --backbone fcf --fusion gfmfr --out "$out/gfmfr.h5"
  step round_mlp "$build/fedfuse" "${common[@]}" --backbone fedncf --head mlp --fusion none --out "$out/mlp.h5"  # a shared head: a private one for each would be 33 GB
  step generate_router "$build/fedfuse" generate --users 50000 --items 100000 --seed 0 --out "$out/router_data.h5" --overwrite  # routers are 50 kB a client
  common[2]=$out/router_data.h5
  step round_router "$build/fedfuse" "${common[@]}" --backbone fcf --fusion fedvlr --out "$out/router.h5"
  step table "$build/fedfuse" table "$out"/{linear,gfmfr,mlp,router}.h5
  rm -f "$out"/{linear,gfmfr,mlp,router,router_data,million}.h5  # the JSON twins hold the numbers
}

profile() {
  command -v ncu >/dev/null || { say "skipped profile: there is no ncu"; return; }
  for name in local_train/cuda/mlp local_train/cuda/linear sample/cuda/85_samples aggregate/cuda-sorted/1000_items preference/cuda-fused/1048576_items_5_groups \
    rank/cuda/4096_clients_100000_items rank/cuda/mlp_4096_clients_100000_items rank/cuda/neumf_4096_clients_100000_items \
    kmeans/cuda-nearest/1048576_points_65_columns_5_groups kmeans/cuda-step/1048576_points_65_columns_5_groups \
    views/cuda/forward_65536_items views/cuda/backward_65536_items; do
    step "ncu_${name//\//_}" timeout 300 ncu --profile-from-start off --set full --force-overwrite --export "$out/${name//\//_}" "$build/bench/bench_profile" "$name"
  done
}

for part in "${parts[@]}"; do
  case $part in
    tests) tests ;;
    sanitizer) sanitizer ;;
    numbers) numbers ;;
    rounds) rounds ;;
    profile) profile ;;
    *) say "there is no part $part: tests sanitizer numbers rounds profile" && exit 2 ;;
  esac
done
exit $failed
