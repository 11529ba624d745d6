#!/usr/bin/env bash
# Installs what is missing, builds, runs all tests. Arguments go to ctest: jobs/test.sh -R results -V
# FEDFUSE_GOLDENS names another file of golden values than tests/oracle/goldens.h5, which comes with the repository.
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
install_for_tests
build_release
exec ctest --test-dir "$build" --output-on-failure "$@"
