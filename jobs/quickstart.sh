#!/usr/bin/env bash
# Installs what is missing, builds fedfuse, generates a data set, trains five fusions over MPI and
# prints a table of them. All files are in out/quickstart; `build/release/fedfuse info FILE`
# describes one of them. Started again after it has finished, it prints the table only.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started as `sh jobs/quickstart.sh`

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
results=("$out"/{none,gfmfr,mlp,fedvlr,fedvlr_gfmfr}.h5)
mkdir -p "$out"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

# The program and this script, whose results are in the folder.
finished=$out/finished.txt
made_by() { cat "$fedfuse" jobs/quickstart.sh | sha256sum; }
are_there() { for file in "${results[@]}"; do [ -f "$file" ] || return; done; }
if are_there && [ -f "$finished" ] && [ "$(cat "$finished")" = "$(made_by)" ]; then
  "$fedfuse" table "${results[@]}"
  say "The five runs were finished before and are not repeated; rm -r $out starts them afresh."
  exit
fi
rm -f "$finished"

"$fedfuse" generate --seed "$seed" --out "$out/data.h5" --overwrite
"$fedfuse" info "$out/data.h5"

train() { # fusion, file, settings
  local fusion=$1 file=$out/$2.h5
  shift 2
  say "== $backbone + $fusion"
  mpirun -n "$ranks" "$fedfuse" train --data "$out/data.h5" --backbone "$backbone" \
    --fusion "$fusion" --seed "$seed" --out "$file" --overwrite "$@"
}
train none none "${settings_none[@]}"
train gfmfr gfmfr "${settings_gfmfr[@]}"
train mlp mlp "${settings_mlp[@]}"
train fedvlr fedvlr "${settings_fedvlr[@]}"
train fedvlr+gfmfr fedvlr_gfmfr "${settings_both[@]}"

made_by >"$finished"
"$fedfuse" table "${results[@]}"

python=/usr/bin/python3
[ -x "$python" ] || python=python3
if "$python" -c 'import h5py, matplotlib' 2>/dev/null; then
  "$python" bench/plot.py curves "${results[@]}" --out "$out/curves.png"
  say "picture of the learning curves: $out/curves.png"
else
  say "no picture of the learning curves is drawn: $python has no matplotlib (python3-matplotlib)"
fi
