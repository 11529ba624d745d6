#!/usr/bin/env bash
# The fair study: every fusion gets the same number of trials on the same wide grid, chosen by
# validation alone; central references stand beside it. Sets: KU, planted data (dense and sparse),
# the same with features shuffled over the items, 10,000 items x 3,000 clients (dense and sparse).
# Usage: fair.sh OUT [ku|planted|control|10k|all] [runs at a time]
# KU is yours: FEDFUSE_KU_INTER (CSV), FEDFUSE_KU_TEXT and FEDFUSE_KU_IMAGE (NPY) name its files.
# FEDFUSE_FAIR_TRIALS: trials of every cell in place of those of the study; chosen.json records it.
# FEDFUSE_FAIR_STUDIES: another folder with fair_*.json.
# Every set has a folder in OUT: search.csv, chosen.json, runs.csv, central.json, table.md,
# curves.png. Started again, it goes on: finished runs are not repeated.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${FEDFUSE_PROGRAM:-$root/build/release/fedfuse}
[ -x "$program" ] || program=$root/../../bin/fedfuse # of the tree that this was installed into
# shellcheck source-path=SCRIPTDIR source=../lib/numbers.sh
. "$root/jobs/lib/numbers.sh"
python=/usr/bin/python3 # the one whose packages are NumPy and h5py
[ -x "$python" ] || python=python3
studies=${FEDFUSE_FAIR_STUDIES:-$root/jobs/studies}
[ $# -gt 0 ] || stop "no folder for the results is given" "fair.sh writes data, runs and tables" \
  "give it: fair.sh OUT [ku|planted|control|10k|all]"
work=$1
sets=${2:-all}
parallel=$(whole "runs at a time" "${3:-2}" 1)
options=(--program "$program" --parallel "$parallel")
if [ -n "${FEDFUSE_FAIR_TRIALS:-}" ]; then
  trials=$(whole FEDFUSE_FAIR_TRIALS "$FEDFUSE_FAIR_TRIALS" 1)
  options+=(--trials "$trials")
fi
case $sets in
  ku | planted | control | 10k) ;;
  all) sets="ku planted control 10k" ;;
  *) stop "fair.sh knows no set $sets" "the sets are ku, planted, control, 10k and all" \
    "name one of them" ;;
esac
if [[ " $sets " == *" ku "* ]]; then
  for name in FEDFUSE_KU_INTER FEDFUSE_KU_TEXT FEDFUSE_KU_IMAGE; do
    [ -f "${!name:-}" ] || stop "$name names no file" "KU is not part of fedfuse" \
      "give the path of its file in NineRec, or choose planted or 10k"
  done
fi
"$python" -c 'import numpy, h5py' 2>/dev/null ||
  stop "central.py cannot run" "$python has no numpy or no h5py" \
    "apt-get install python3-numpy python3-h5py"

# name, study, options of summarise.py: the data set is $work/name.h5
study() {
  local name=$1 study=$studies/$2.json data=$work/$1.h5 out=$work/$1
  shift 2
  "$python" "$root/jobs/studies/study.py" "$study" --data "$data" --work "$out" "${options[@]}"
  "$python" "$root/jobs/studies/central.py" --data "$data" --out "$out/central.json" \
    --program "$program"
  "$python" "$root/jobs/studies/summarise.py" "$out/runs.csv" --central "$out/central.json" "$@" |
    tee "$out/table.md"
  if "$python" -c 'import matplotlib' 2>/dev/null; then
    "$python" "$root/bench/plot.py" curves "$out/final/fcf/own-train" --out "$out/curves.png"
  else
    echo "no picture of the learning curves: $python has no matplotlib (python3-matplotlib)" >&2
  fi
}

generate() { # name, options
  "$program" generate --name "$1" --out "$work/$1.h5" --overwrite "${@:2}"
}

mkdir -p "$work"
for set in $sets; do
  case $set in
    ku)
      "$program" import --inter "$FEDFUSE_KU_INTER" --text "$FEDFUSE_KU_TEXT" \
        --image "$FEDFUSE_KU_IMAGE" --name ku --out "$work/ku.h5" --overwrite
      study ku fair_ku --published "$root/jobs/studies/ku_published.json"
      ;;
    planted)
      generate dense
      generate sparse --sparse
      study dense fair_planted
      study sparse fair_planted
      ;;
    control)
      generate dense-shuffled --shuffle-features
      generate sparse-shuffled --sparse --shuffle-features
      study dense-shuffled fair_control
      study sparse-shuffled fair_control
      ;;
    10k)
      generate 10k --users 3000 --items 10000 --activity 30
      generate 10k-sparse --users 3000 --items 10000 --sparse
      study 10k fair_10k
      study 10k-sparse fair_10k
      ;;
  esac
done
