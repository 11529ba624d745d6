#!/usr/bin/env bash
# From nothing to a comparison: installs what is missing, builds, makes the embedded data set, trains five fusions over MPI, shows a table.
# Everything stands in out/quickstart; `build/release/fedfuse info FILE` says what a file holds.

ranks=2
backbone=fcf
seed=0
# Settings of each run, near those that jobs/studies/planted.sh finds on validation; the rest are the defaults of `fedfuse train --help`.
common=(--patience 8)
settings_none=(--rounds 40)
settings_gfmfr=(--rounds 40 --teacher-epochs 5 --distill-on negatives)
settings_mlp=(--rounds 40 --lr 0.03 --server-lr 0.003)
settings_fedvlr=(--rounds 15 --lr 0.03 --server-lr 0.003)
settings_both=(--rounds 15 --lr 0.03 --server-lr 0.003 --teacher-epochs 5 --distill-on negatives)

# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
build_release fedfuse
fedfuse=$build/fedfuse
out=$root/out/quickstart
mkdir -p "$out"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

"$fedfuse" generate --seed "$seed" --out "$out/data.h5" --overwrite
"$fedfuse" info "$out/data.h5"

results=()
train() { # fusion, file, settings
  local fusion=$1 file=$out/$2.h5
  shift 2
  say "== $backbone + $fusion"
  mpirun -n "$ranks" "$fedfuse" train --data "$out/data.h5" --backbone "$backbone" --fusion "$fusion" --seed "$seed" --out "$file" --overwrite "${common[@]}" "$@"
  results+=("$file")
}
train none none "${settings_none[@]}"
train gfmfr gfmfr "${settings_gfmfr[@]}"
train mlp mlp "${settings_mlp[@]}"
train fedvlr fedvlr "${settings_fedvlr[@]}"
train fedvlr+gfmfr fedvlr_gfmfr "${settings_both[@]}"

cd "$root" || exit
"$fedfuse" table "${results[@]#"$root"/}"
