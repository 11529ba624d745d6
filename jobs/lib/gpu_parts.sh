# shellcheck shell=bash
# The parts of jobs/gpu.sh, which has step, say, build, out and gpus, and reads failed and
# STEP_LIMIT.
# shellcheck disable=SC2034,SC2154

kernels=(gather sample aggregate aggregate_device local_train rank preference kmeans views teacher
  group_targets)
# the other tests that open a device
device_tests=(kernels/group_prior core/graph server/grouping server/server_models
  server/sums_to_host server/device_engine server/device_prior server/resident_state
  evaluation/evaluation bench/random_gather)
of_kernels='*Every*:*Variant*:*Reference*:*RowsStand*:*Heads*:*ManyClients*:*ManyTiles*'
of_kernels+=':*StepWithoutSlots*:*InOne*:-*Emulated*:*EveryOrder*'
of_smoke='*EveryVariant*:*VariantsAgainst*:*RowsStand*:*NearestAgrees*:*HeadsAreTheSums*'
of_smoke+=':*InOne*'

# One case of every kernel on fresh, poisoned memory, and one round of each kind.
part_smoke() {
  local -x FEDFUSE_POISON=1
  local STEP_LIMIT=60 name
  for name in "${kernels[@]}"; do
    step "smoke_$name" env -u FEDFUSE_TEST_SEED "$build/tests/kernels/${name}_test" \
      --gtest_filter="$of_smoke"
  done
  step smoke_generate "$build/fedfuse" generate --users 2000 --items 1000 --seed 0 \
    --out "$out/smoke_data.h5" --overwrite
  for name in none gfmfr fedvlr; do
    step "smoke_round_$name" "$build/fedfuse" train --data "$out/smoke_data.h5" --device cuda \
      --backbone fcf --fusion "$name" --teacher-epochs 1 --rounds 2 --seed 0 \
      --out "$out/smoke_$name.h5" --overwrite
  done
  rm -f "$out"/smoke_{data,none,gfmfr,fedvlr}.h5
}

# Fresh device memory is poisoned, so an element that is never written cannot hold an old correct
# value. Then the kernels run again, on inputs of a new seed.
part_tests() {
  local -x FEDFUSE_POISON=1
  for name in "${kernels[@]/#/kernels/}" "${device_tests[@]}"; do
    step "test_${name##*/}" env -u FEDFUSE_TEST_SEED "$build/tests/${name}_test"
  done
  local -x FEDFUSE_TEST_SEED=${FEDFUSE_TEST_SEED:-$(((RANDOM << 15) + RANDOM + 1))}
  say "fresh inputs: FEDFUSE_TEST_SEED=$FEDFUSE_TEST_SEED"
  for name in "${kernels[@]}"; do step "fresh_$name" "$build/tests/kernels/${name}_test"; done
}

# Two ranks: sums use NCCL when each rank has its own GPU, else pinned host memory.
part_several() {
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
# it too. memcheck and racecheck of every kernel come first, the slower searches after them.
part_sanitizer() {
  if ! command -v compute-sanitizer >/dev/null; then
    say "skipped sanitizer: there is no compute-sanitizer (CUDA toolkit)"
    return
  fi
  local -x OMPI_MCA_ess_singleton_isolated=1
  local STEP_LIMIT=300
  unset FEDFUSE_POISON  # poisoned memory would hide errors from initcheck
  for tool in memcheck racecheck initcheck synccheck; do
    local watched=(compute-sanitizer --tool "$tool" --error-exitcode 1)
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

# Few repetitions: the cases of the goals first, then the link and launches, which bound what a
# round can reach, then all.
part_numbers() {
  local goals='^(preference|aggregate|teacher|local_train|rank)/cuda' name
  local -A filters=([kernels_goals]=$goals [links]='^(link|launch)/cuda' [kernels]=/cuda)
  for name in kernels_goals links kernels; do
    step "$name" "$build/bench/bench_kernels" --benchmark_filter="${filters[$name]}" \
      --benchmark_repetitions=3 --benchmark_out="$out/$name.json" --benchmark_out_format=json
  done
}

# Client-rounds/s by head, and a round of a million clients x 100,000 items.
part_rounds() {
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

part_profile() {
  command -v ncu >/dev/null || { say "skipped profile: there is no ncu"; return; }
  local STEP_LIMIT=150
  for name in local_train/cuda/mlp local_train/cuda/linear \
    aggregate/cuda-sorted/1000_items preference/cuda-fused/1048576_items_5_groups \
    rank/cuda/4096_clients_100000_items sample/cuda/85_samples \
    kmeans/cuda-nearest/1048576_points_65_columns_5_groups \
    views/cuda/forward_65536_items views/cuda/backward_65536_items; do
    step "ncu_${name//\//_}" ncu --profile-from-start off --set full --force-overwrite \
      --export "$out/${name//\//_}" "$build/bench/bench_profile" "$name"
  done
}
