#!/usr/bin/env bash
# Tests and measures fedfuse on a machine with a GPU; all output goes to one folder.
#   jobs/gpu.sh OUT                 all parts, after jobs/setup.sh or a build of your own
#   jobs/gpu.sh OUT smoke numbers   some of: smoke numbers rounds tests profile sanitizer several
# Made for a short slot: every part has a limit of minutes, what hangs or fails is ended and told,
# and the next part goes on. After each part OUT has summary.txt, results.tar.gz (text and JSON)
# and, with ncu, profiles.tar.gz; pieces of at most FEDFUSE_ARCHIVE_MIB (15), put together by cat.
# FEDFUSE_MINUTES: of all parts together (default 45). FEDFUSE_PART_SECONDS: of each part, in place
# of its own. FEDFUSE_BUILD: the build folder (default build/release). FEDFUSE_GOLDENS: as in
# jobs/test.sh. FEDFUSE_TEST_SEED: seed of the additional test inputs (default: a new one).
# Exit code 0: all went well; 1: a step failed, summary.txt says which; 2: nothing could be run.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${FEDFUSE_BUILD:-$root/build/release}
out=${1:?a folder for the results}
shift
# shellcheck source-path=SCRIPTDIR source=lib/numbers.sh
. "$root/jobs/lib/numbers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/mpi_environment.sh
. "$root/jobs/lib/mpi_environment.sh"
# shellcheck source-path=SCRIPTDIR source=lib/gpu_parts.sh
. "$root/jobs/lib/gpu_parts.sh"

# seconds of a part; sanitizer and several take what is left
declare -A limits=([smoke]=180 [numbers]=540 [rounds]=480 [tests]=360 [profile]=480
  [sanitizer]=1500 [several]=600)
order=(smoke numbers rounds tests profile sanitizer several)
parts=("$@")
[ $# -gt 0 ] || parts=("${order[@]}")
minutes=$(whole FEDFUSE_MINUTES "${FEDFUSE_MINUTES:-45}" 1) || exit 2
archive_mib=$(whole FEDFUSE_ARCHIVE_MIB "${FEDFUSE_ARCHIVE_MIB:-15}" 1) || exit 2
for part in "${parts[@]}"; do
  [ -n "${limits[$part]-}" ] || stop "there is no part $part" "the parts are ${order[*]}" \
    "name some of them, or none for all"
  [ -z "${FEDFUSE_PART_SECONDS-}" ] ||
    limits[$part]=$(whole FEDFUSE_PART_SECONDS "$FEDFUSE_PART_SECONDS" 1) || exit 2
done
mkdir -p "$out"
summary=$out/summary.txt
: >"$summary"
say() { echo "$*" | tee -a "$summary"; }

# shellcheck disable=SC2329 # called by the parts
# name, command...: the output goes to OUT/name.txt. A step ends with its part, or after STEP_LIMIT
# seconds. A filter that matches no test counts as a failure.
step() {
  local name=$1 code left=$((part_end - SECONDS))
  shift
  if [ "$left" -le 0 ]; then
    say "NOT RUN $name (the part is out of time)"
    failed=1
    return
  fi
  local limit=${STEP_LIMIT:-$left}
  [ "$limit" -le "$left" ] || limit=$left
  { echo "\$ $*"; timeout --kill-after=5 "$limit" "$@"; } >"$out/$name.txt" 2>&1
  code=$?
  if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
    say "TIMED OUT $name (after $limit s)" && failed=1
  elif [ "$code" -ne 0 ]; then
    say "FAILED  $name (exit code $code)" && failed=1
  elif grep -q 'Running 0 tests' "$out/$name.txt"; then
    say "FAILED  $name (no test has that name)" && failed=1
  else say "ok      $name"; fi
}

# name, pattern...: OUT's files of these patterns into OUT/name.tar.gz, in pieces where it is large.
pack() {
  local name=$1 pattern files=()
  shift
  for pattern in "$@"; do
    mapfile -t -O "${#files[@]}" files < <(cd "$out" && compgen -G "$pattern")
  done
  [ "${#files[@]}" -gt 0 ] || return 0
  rm -f "$out/$name.tar.gz" "$out/$name.tar.gz".[a-z][a-z]
  tar -C "$out" -czf "$out/$name.tar.gz" "${files[@]}" || return 1
  if [ "$(stat -c %s "$out/$name.tar.gz")" -gt $((archive_mib << 20)) ]; then
    split -b "${archive_mib}M" "$out/$name.tar.gz" "$out/$name.tar.gz." && rm "$out/$name.tar.gz"
  fi
}

if ! nvidia-smi -L >/dev/null 2>&1; then
  say "no GPU: nvidia-smi names none; nothing was run"
  exit 2
fi
# shellcheck disable=SC2034 # read by a part
gpus=$(nvidia-smi -L | grep -c '^GPU')
if [ ! -x "$build/fedfuse" ]; then
  say "no program in $build: build first (jobs/quickstart.sh, or cmake --preset release)"
  exit 2
fi
facts=name,uuid,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit
nvidia-smi --query-gpu="$facts" --format=csv >"$out/chip.csv"
"$build/fedfuse" --version >>"$out/chip.csv"
say "$(sed -n 2p "$out/chip.csv"), $("$build/fedfuse" --version)"

# A part has a shell of its own: what ends it ends nothing else.
all_failed=0
for part in "${parts[@]}"; do
  left=$((60 * minutes - SECONDS))
  if [ "$left" -le 0 ]; then
    say "NOT RUN part $part (the $minutes minutes are over)"
    all_failed=1
    continue
  fi
  seconds=${limits[$part]}
  [ "$seconds" -le "$left" ] || seconds=$left
  say "part $part, at most $seconds s"
  (
    failed=0
    part_end=$((SECONDS + seconds))
    "part_$part"
    exit "$failed"
  ) || all_failed=1
  pack results '*.txt' '*.csv' '*.json'
  pack profiles '*.ncu-rep'
done
exit "$all_failed"
