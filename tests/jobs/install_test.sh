#!/usr/bin/env bash
# install_test.sh BUILD   The installed tree works by itself: help, a training run, a job, a study
# and its table through its own tools. Where a mount namespace may be made, source and build are
# hidden meanwhile.
set -euo pipefail
build=$1
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/fedfuse_install_XXXXXX")
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/prefix" >/dev/null
if grep -rIl "$source" "$folder/prefix"; then
  echo "the files above name the source"
  exit 1
fi
cat >"$folder/try.sh" <<'TRY'
set -euo pipefail
folder=$1 prefix=$1/prefix
shift
for hidden in "$@"; do mount -t tmpfs tmpfs "$hidden"; done
cd "$folder"
"$prefix/bin/fedfuse" --help >/dev/null
"$prefix/bin/fedfuse" generate --users 60 --items 60 --dim-text 8 --dim-image 8 \
  --out data.h5 >/dev/null
"$prefix/bin/fedfuse" train --data data.h5 --rounds 2 --dim 8 --out run.h5 >/dev/null 2>&1
"$prefix/share/fedfuse/jobs/submit.py" --system single-node --folder job --ranks 2 --submit \
  -- train --data "$folder/data.h5" --rounds 2 --dim 8
if ! grep -q "^program=$prefix/bin/fedfuse" job/job.sh; then
  echo "the job does not take the installed program"
  exit 1
fi
[ -s job/result.h5 ] || { cat job/log.txt; exit 1; }
[ -f "$prefix/share/fedfuse/README.md" ] || { echo "no README"; exit 1; }
# one rank and two share no row
"$prefix/share/fedfuse/bench/compare.py" run.json job/result.json >/dev/null || [ $? -eq 2 ]
cat >study.json <<'STUDY'
{"name": "installed", "kind": "strong", "generate": {"users": 60, "items": 60, "dim-text": 8,
  "dim-image": 8},
 "train": {"backbone": "fcf", "fusion": "none", "rounds": 3, "dim": 8}, "points": [{"ranks": 1}],
 "repeats": 1}
STUDY
"$prefix/share/fedfuse/jobs/scaling.py" study.json --system single-node --work study \
  --submit 2>/dev/null
"$prefix/share/fedfuse/jobs/scaling.py" --work study --collect
python3 "$prefix/share/fedfuse/bench/rounds/rounds.py" --data data.h5 --ranks 1 --methods fcf/none \
  --rounds 2 --repeat 1 --launcher env --options "--dim 8" | grep -q fcf/none
printf 'v%s,u%s,%s\n' 1 1 1 2 1 2 3 1 3 2 2 4 3 2 5 4 2 6 >pair.csv
printf 'v%s,t,Title\n' 1 2 3 4 >item.csv
python=/usr/bin/python3
[ -x "$python" ] || python=python3
"$python" "$prefix/share/fedfuse/jobs/data/ninerec.py" --pairs pair.csv --items item.csv \
  --out recipe --data recipe.h5 >recipe.txt
grep -q "kept: 2 users, 4 items" recipe.txt
[ -f "$prefix/share/fedfuse/jobs/data/requirements-encode.txt" ] || { echo "no encode"; exit 1; }
benchmarks=()
[ ! -x "$prefix/bin/bench_io" ] || benchmarks=(io)
python3 "$prefix/share/fedfuse/jobs/suite.py" linear "${benchmarks[@]}" --ranks 1 --out suite \
  2>/dev/null
TRY
if [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; then
  case $build/ in "$source"/*) hidden=("$source") ;; *) hidden=("$source" "$build") ;; esac
  unshare --mount bash "$folder/try.sh" "$folder" "${hidden[@]}"
else
  echo "source and build are not hidden: no right to make a mount namespace"
  bash "$folder/try.sh" "$folder"
fi
