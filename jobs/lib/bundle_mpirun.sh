#!/usr/bin/env bash
# mpirun of a bundle, whose program looks for its libraries where they were built.
here=${BASH_SOURCE[0]%/*}
here=$(cd "$here/.." && pwd)
LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$here/bin/orterun" "$@"
