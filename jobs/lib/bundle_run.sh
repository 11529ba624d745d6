#!/usr/bin/env bash
# run COMMAND...: a command with the programs and libraries of this folder (made by jobs/bundle.sh).
# Only bash is needed for it.
here=${BASH_SOURCE[0]%/*}
[ "$here" != "${BASH_SOURCE[0]}" ] || here=.
here=$(cd "$here" && pwd)
build=$here/build/release
if [ $# -eq 0 ]; then
  echo "usage: $0 COMMAND..., as $0 fedfuse --version; see $here/README.txt" >&2
  exit 2
fi
export PATH="$build:$here/bin:$PATH" FEDFUSE_BUILD="$build"
export FEDFUSE_GOLDENS="${FEDFUSE_GOLDENS-$here/share/goldens.h5}"
# Programs of the preset bundle find their libraries by themselves, and tools of the machine, such
# as profilers, keep theirs. The loader asks /proc where a program stands.
if [ -f "$here/lib/by_path" ] || ! [ -e /proc/self/exe ]; then
  export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
export OPAL_PREFIX="$here" OPAL_PKGDATADIR="$here/share" OPAL_PKGLIBDIR="$here/plugins"
export OMPI_MCA_mca_base_component_path="$here/plugins"
export OMPI_MCA_ess_singleton_isolated=1  # a program started alone asks for no daemon
# PMIx has none of its plugins here and needs none; where a machine has those of another version it
# names one that it ignores.
export PMIX_MCA_pcompress_base_silence_warning=1
export OMPI_MCA_plm=isolated OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader
# shellcheck source-path=SCRIPTDIR source=mpi_environment.sh
. "$here/jobs/lib/mpi_environment.sh"
exec "$@"
