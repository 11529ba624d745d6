#!/usr/bin/env bash
# Installs what is missing, builds, runs the tests. Arguments go to ctest: jobs/test.sh -R results
# Without arguments all tests run but lint_tidy, which takes minutes: ctest -L lint runs all lint.
# FEDFUSE_GOLDENS names another file of golden values than tests/oracle/goldens.h5.
# Before the last line it lists what was skipped, and why.
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_for_tests
build_release
[ $# -gt 0 ] || set -- --exclude-regex '^lint_tidy$'
said=$(mktemp)
trap 'rm -f "$said"' EXIT
code=0
ctest --test-dir "$build" --output-on-failure --test-output-size-passed 1000000 "$@" |
  tee "$said" || code=$?
python3 "$root/tests/support/skipped_tests.py" "$build" || true
grep '% tests passed' "$said" || true
exit "$code"
