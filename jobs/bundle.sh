#!/usr/bin/env bash
# Packs fedfuse, its tests and benchmarks of a GPU, and all that they need, into one archive, for a
# machine that has glibc, bash and a driver, and no compiler, MPI, HDF5 or CUDA toolkit.
#   jobs/bundle.sh OUT.tar.xz                 what jobs/gpu.sh runs, of a build made for it
#   jobs/bundle.sh OUT.tar.xz PROGRAM...      fedfuse and some of: bench/bench_kernels, tests/...
#   There: tar -xf OUT.tar.xz && fedfuse/run jobs/gpu.sh RESULTS
# The build is the preset bundle: one shared library with the code once, kernels for sm_90 alone,
# x86-64-v3. FEDFUSE_BUILD: a build folder of your own, with whatever it is built for.
# FEDFUSE_CUDA_ARCHITECTURES, FEDFUSE_TARGETS: other chips and another processor for the preset.
# FEDFUSE_BUNDLE_MIB (40): what the archive may have. XZ_OPT (-9): as xz reads it.
# Open MPI 4 is packed; others are refused. Exit code 2: it cannot be made, and nothing is written.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:?an archive, as fedfuse.tar.xz}
shift
# shellcheck source-path=SCRIPTDIR source=lib/numbers.sh
. "$root/jobs/lib/numbers.sh"
# shellcheck source-path=SCRIPTDIR source=lib/gpu_parts.sh
. "$root/jobs/lib/gpu_parts.sh"
# shellcheck source-path=SCRIPTDIR source=lib/bundle_files.sh
. "$root/jobs/lib/bundle_files.sh"

most=$(whole FEDFUSE_BUNDLE_MIB "${FEDFUSE_BUNDLE_MIB:-40}" 1) || exit 2
export XZ_OPT="${XZ_OPT:--9}"
for tool in ompi_info orterun readelf strip tar xz python3; do
  command -v "$tool" >/dev/null || stop "there is no $tool" "the archive is made with it" \
    "install Open MPI 4, binutils, tar, xz-utils and python3"
done
plugins=$(ompi_info --parsable --path pkglibdir | cut -d: -f3)
[ -f "$plugins/mca_pml_ob1.so" ] || stop "no plugins of Open MPI 4 in $plugins" \
  "the archive holds them, and Open MPI 5 is built otherwise" "use Debian 12, or Open MPI 4"

programs=("$@")
[ $# -gt 0 ] || programs=(bench/bench_{kernels,profile,collectives} \
  "${kernels[@]/#/tests/kernels/}" "${device_tests[@]/#/tests/}")
build=${FEDFUSE_BUILD:-}
if [ -z "$build" ]; then
  build=$root/build/bundle
  targets=(fedfuse)
  for program in "${programs[@]}"; do targets+=("$(target_of "$program")"); done
  (cd "$root" && cmake --preset bundle ${FEDFUSE_TARGETS:+-DFEDFUSE_TARGETS="$FEDFUSE_TARGETS"} \
    ${FEDFUSE_CUDA_ARCHITECTURES:+-DCMAKE_CUDA_ARCHITECTURES="$FEDFUSE_CUDA_ARCHITECTURES"} &&
    cmake --build build/bundle --target "${targets[@]}") >&2
fi
[ -x "$build/fedfuse" ] || stop "no program in $build" "it is what the archive holds" \
  "build there first, or unset FEDFUSE_BUILD"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=$work/fedfuse
mkdir -p "$folder"/{bin,lib,plugins,share,jobs/lib}
copy_programs fedfuse "${programs[@]}"
copy_plugins
copy_libraries
copy_scripts
describe >"$folder/README.txt"
tar -C "$work" --owner=0 --group=0 --sort=name -cf - fedfuse | xz -T0 >"$work/archive"
bytes=$(stat -c %s "$work/archive")
[ "$bytes" -le $((most << 20)) ] || stop "the archive has $bytes bytes" \
  "it may have $most MiB" "name fewer programs, or set FEDFUSE_BUNDLE_MIB"
mv "$work/archive" "$out"
chmod 644 "$out"
unpacked=$(du -sm "$folder" | cut -f1)
echo "$out: $bytes bytes, $unpacked MiB unpacked, $(sed -n 2p "$folder/README.txt")"
