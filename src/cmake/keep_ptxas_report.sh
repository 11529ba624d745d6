#!/bin/sh
# keep_ptxas_report.sh OBJECT COMMAND...: compiles, and keeps what ptxas says of every kernel in
# OBJECT.ptxas, for the test that holds registers, spills and shared memory to what the kernels'
# page states. Everything else goes on to the terminal.
report=$1.ptxas
shift
"$@" 2> "$report"
code=$?
grep -vE '^ptxas info|bytes stack frame|^$' "$report" >&2
exit $code
