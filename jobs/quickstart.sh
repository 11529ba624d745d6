#!/usr/bin/env bash
# Installs what is missing, builds fedfuse, generates a data set, trains five fusions over MPI and
# prints a table of them. All files are in out/quickstart; `build/release/fedfuse info FILE`
# describes one of them.

ranks=2
backbone=fcf
seed=0
# Settings of each run; validation NDCG@50 chose them. All other options have their defaults. With
# the default item rate plain FCF stays at the popularity ranking, so its item rate is larger here.
settings_none=(--rounds 120 --lr 0.3 --lr-items 1000)
settings_gfmfr=("${settings_none[@]}" --teacher-epochs 1
  --distill 0.1 --distill-on negatives --distill-start 20)
settings_mlp=(--rounds 40 --lr 0.01 --server-lr 0.003)
settings_fedvlr=(--rounds 15 --lr 0.1 --server-lr 0.003)
settings_both=("${settings_fedvlr[@]}" --teacher-epochs 5 --distill-on negatives)

# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
build_release fedfuse
cd "$root" || exit
fedfuse=build/release/fedfuse
out=out/quickstart
mkdir -p "$out"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

"$fedfuse" generate --seed "$seed" --out "$out/data.h5" --overwrite
"$fedfuse" info "$out/data.h5"

results=()
train() { # fusion, file, settings
  local fusion=$1 file=$out/$2.h5
  shift 2
  say "== $backbone + $fusion"
  mpirun -n "$ranks" "$fedfuse" train --data "$out/data.h5" --backbone "$backbone" \
    --fusion "$fusion" --seed "$seed" --out "$file" --overwrite "$@"
  results+=("$file")
}
train none none "${settings_none[@]}"
train gfmfr gfmfr "${settings_gfmfr[@]}"
train mlp mlp "${settings_mlp[@]}"
train fedvlr fedvlr "${settings_fedvlr[@]}"
train fedvlr+gfmfr fedvlr_gfmfr "${settings_both[@]}"

"$fedfuse" table "${results[@]}"
