#!/usr/bin/env bash
# Study of planted data: mlp and fedvlr against none, and learned against random groups. The control
# has features shuffled over the items; it has its own search of the same budget. The study runs on
# the default set and on a sparse set like the papers' 5-core sets. FEDFUSE_PLANTED="sparse": only
# that set.
# Usage: planted.sh DIR [runs at a time]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${FEDFUSE_PROGRAM:-$root/build/release/fedfuse}
[ -x "$program" ] || program=$root/../../bin/fedfuse  # of the tree that this was installed into
# shellcheck source-path=SCRIPTDIR source=../lib/numbers.sh
. "$root/jobs/lib/numbers.sh"
work=$1
parallel=$(whole "runs at a time" "${2:-2}" 1)
mkdir -p "$work"
# shellcheck disable=SC2034  # read by name below
default=() sparse=(--sparse)
# on sparse data none learns slowly: it gets 150 rounds and no early stop
declare -A study=([default]=planted.json [sparse]=planted_sparse.json)
for kind in ${FEDFUSE_PLANTED:-default sparse}; do
  [ -n "${study[$kind]:-}" ] ||
    stop "FEDFUSE_PLANTED names $kind" "the sets are default and sparse" "name one of them, or both"
done
for kind in ${FEDFUSE_PLANTED:-default sparse}; do
  declare -n options=$kind
  "$program" generate "${options[@]}" --name "$kind" --out "$work/$kind.h5" --overwrite
  "$program" generate "${options[@]}" --name "$kind-shuffled" --shuffle-features \
    --out "$work/$kind-shuffled.h5" --overwrite
  python3 "$root/jobs/studies/study.py" "$root/jobs/studies/${study[$kind]}" \
    --data "$work/$kind.h5" --program "$program" --work "$work/$kind" --parallel "$parallel"
  python3 "$root/jobs/studies/study.py" "$root/jobs/studies/planted_control.json" \
    --data "$work/$kind-shuffled.h5" --program "$program" \
    --work "$work/$kind-shuffled" --parallel "$parallel"
done
