#!/usr/bin/env bash
# A million clients x 100,000 items: one round of fcf + gfmfr over 2 ranks. Prints seconds by phase
# and peak memory. The result file and its JSON twin are in the given folder (default out/million).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${FEDFUSE_PROGRAM:-$root/build/release/fedfuse}
[ -x "$program" ] || program=$root/../../bin/fedfuse  # of the tree that this was installed into
out=${1:-out/million}
mkdir -p "$out"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# shellcheck source-path=SCRIPTDIR source=../../jobs/lib/mpi_environment.sh
. "$root/jobs/lib/mpi_environment.sh"
[ -f "$out/data.h5" ] ||
  mpirun -n 2 "$program" generate --users 1000000 --items 100000 --seed 0 --out "$out/data.h5"
# 2,000 clients are evaluated (R12).
mpirun -n 2 "$program" train --data "$out/data.h5" --backbone fcf --fusion gfmfr --rounds 1 \
  --seed 0 --eval-clients 2000 \
  --teacher-epochs 1 --out "$out/run.h5" --overwrite
python3 - "$out/run.json" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))
for name, values in run["time"].items():
    if name.endswith("_max") and values[0]: print(f"{name[:-4]:>12} {values[0]:8.2f} s")
for name in ("setup_seconds", "total_seconds", "client_rounds_per_second"):
    print(f"{name:>28} {run['facts'][name]:.2f}")
print(f"{'peak memory of a rank':>28} {run['facts']['peak_memory_bytes_max'] / 2**30:.2f} GiB")
PY
