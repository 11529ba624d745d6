#!/usr/bin/env bash
# test_install.sh BUILD   The installed tree works by itself: help, a training run, and a job through its own jobs/submit.py.
set -euo pipefail
build=$1
folder=$(mktemp -d "${TMPDIR:-/tmp}/fedfuse_install_XXXXXX")
trap 'rm -rf "$folder"' EXIT
cmake --install "$build" --prefix "$folder/prefix" >/dev/null
cd "$folder"
prefix=$folder/prefix
"$prefix/bin/fedfuse" --help >/dev/null
"$prefix/bin/fedfuse" generate --users 60 --items 60 --dim-text 8 --dim-image 8 --out data.h5 >/dev/null
"$prefix/bin/fedfuse" train --data data.h5 --rounds 2 --dim 8 --out run.h5 >/dev/null 2>&1
"$prefix/share/fedfuse/jobs/submit.py" --system single-node --folder job --ranks 2 --submit -- train --data "$folder/data.h5" --rounds 2 --dim 8
grep -q "^program=$prefix/bin/fedfuse" job/job.sh || { echo "the job does not take the installed program"; exit 1; }
[ -s job/result.h5 ] || { cat job/log.txt; exit 1; }
[ -f "$prefix/share/fedfuse/README.md" ] || { echo "no README"; exit 1; }
"$prefix/share/fedfuse/bench/compare.py" run.json job/result.json >/dev/null || [ $? -eq 2 ]  # one rank and two share no row
