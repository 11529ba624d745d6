#!/usr/bin/env bash
# What a secure sum costs: the masks of a million clients on a window of words, and whole uploads of
# a few hundred clients with agreements and shares. Prints what the records say.
# Usage: secure_cost.sh OUT [ranks]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${FEDFUSE_PROGRAM:-$root/build/release/fedfuse}
[ -x "$program" ] || program=$root/../../bin/fedfuse # of the tree that this was installed into
# shellcheck source-path=SCRIPTDIR source=../lib/numbers.sh
. "$root/jobs/lib/numbers.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/mpi_environment.sh
. "$root/jobs/lib/mpi_environment.sh"
[ $# -gt 0 ] || stop "no folder for the results is given" "secure_cost.sh writes data and results" \
  "give it: secure_cost.sh OUT [ranks]"
work=$1
ranks=$(whole "ranks" "${2:-2}" 1)
mkdir -p "$work"
export OMP_NUM_THREADS=1

measure() { # name, options of the data, --, options of the run
  local name=$1 data=()
  shift
  while [ "$1" != -- ]; do
    data+=("$1")
    shift
  done
  shift
  "$program" generate "${data[@]}" --out "$work/$name.data.h5" --overwrite
  mpirun -n "$ranks" "$program" train --data "$work/$name.data.h5" --out "$work/$name.h5" \
    --overwrite --quiet --backbone fcf --local-epochs 1 --client-devices equal "$@"
  python3 - "$work/$name.json" <<'PYTHON'
import json, sys
record = json.load(open(sys.argv[1]))
for table in ("privacy", "time", "facts"):
    for name, value in record[table].items():
        if name.startswith("secure_"):
            print(f"{name:<22} {value}")
PYTHON
}

measure check --users 1000000 --items 1000 --activity 6 --dim-text 0 --dim-image 0 -- \
  --dim 16 --rounds 2 --eval-every 2 --eval-clients 100 --dropout 0.3 \
  --secure-sum check --secure-corrupt 0.1 --secure-gone 0.3
measure sample --users 1000 --items 560 -- \
  --dim 64 --rounds 3 --dropout 0.1 --secure-sum sample --secure-clients 300 \
  --secure-degree 64 --secure-threshold 33
