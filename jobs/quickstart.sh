#!/usr/bin/env bash
# Installs what is missing, builds fedfuse, generates a data set, trains six fusions over MPI,
# prints a table of them, draws their learning curves, and measures one workload of the suite. All
# files are in out/quickstart; `build/release/fedfuse info FILE` describes one of them. Started
# again after it has finished, it prints the table only.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started as `sh jobs/quickstart.sh`

ranks=2
backbone=fcf
seed=0
# Rounds of each run. All rates have their defaults.
rounds_none=40
rounds_gfmfr=40
rounds_mlp=40
rounds_fedvlr=15
rounds_group_prior=15

# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
build_release fedfuse
cd "$root" || exit
fedfuse=build/release/fedfuse
out=out/quickstart
results=("$out"/{none,gfmfr,mlp,fedvlr,group_prior,mlp_group_prior}.h5)
mkdir -p "$out"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

# The program and this script, whose results are in the folder.
finished=$out/finished.txt
made_by() { cat "$fedfuse" jobs/quickstart.sh | sha256sum; }
are_there() { for file in "${results[@]}"; do [ -f "$file" ] || return; done; }
if are_there && [ -f "$finished" ] && [ "$(cat "$finished")" = "$(made_by)" ]; then
  "$fedfuse" table "${results[@]}"
  say "The six runs were finished before and are not repeated; rm -r $out starts them afresh."
  exit
fi
rm -f "$finished"

"$fedfuse" generate --seed "$seed" --out "$out/data.h5" --overwrite
"$fedfuse" info "$out/data.h5"

train() { # fusion, rounds
  local fusion=$1 rounds=$2 file=$out/${1//[-+]/_}.h5
  say "== $backbone + $fusion"
  mpirun -n "$ranks" "$fedfuse" train --data "$out/data.h5" --backbone "$backbone" \
    --fusion "$fusion" --rounds "$rounds" --seed "$seed" --out "$file" --overwrite
}
train none "$rounds_none"
train gfmfr "$rounds_gfmfr"
train mlp "$rounds_mlp"
train fedvlr "$rounds_fedvlr"
train group-prior "$rounds_group_prior"
train mlp+group-prior "$rounds_group_prior"

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

say "== one workload of the suite (all of them: jobs/suite.py --class S)"
said=$out/suite.txt
"$python" jobs/suite.py --class S linear --ranks "$ranks" --oversubscribe --out "$out/suite" \
  --overwrite --cache "$out/suite/data" >"$said" 2>&1 || say "the suite failed: see $said"
grep '^FOM ' "$said" || true
