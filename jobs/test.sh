#!/usr/bin/env bash
# Installs missing packages, builds, and runs the tests.
# Arguments go to ctest: jobs/test.sh -R results
# Without arguments all tests run except lint_tidy, which takes minutes: ctest -L lint runs all lint
# As many tests run at a time as there are cores; a test of several ranks counts as two.
# CTEST_PARALLEL_LEVEL sets another number.
# FEDFUSE_GOLDENS names a file of golden values to use in place of tests/oracle/goldens.h5.
# Before the last line the script lists the skipped tests and the reasons.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"  # started as `sh jobs/test.sh`
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_for_tests
build_release
[ $# -gt 0 ] || set -- --exclude-regex '^lint_tidy$'
said=$build/test.log
export CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-$(nproc)}"
code=0
ctest --test-dir "$build" --output-on-failure --test-output-size-passed 1000000 "$@" |
  tee "$said" || code=$?
python3 "$root/tests/support/skipped_tests.py" "$build" || true
grep '% tests passed' "$said" || true
exit "$code"
