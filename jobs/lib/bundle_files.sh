# shellcheck shell=bash
# What jobs/bundle.sh puts into its folder. It has root, build, folder, plugins (Open MPI's).
# shellcheck disable=SC2154

# what belongs to glibc, which a machine has
of_glibc='^(ld-linux.*|libc|libm|libmvec|libpthread|libdl|librt|libutil|libresolv|libanl)\.so'

# program of a build folder: its target
target_of() {
  local name=${1##*/}
  case $1 in
    tests/*) echo "${name%_test}_test" ;;
    *) echo "$name" ;;
  esac
}

# A portable program starts that of its target, in lib/fedfuse.
copy_programs() {
  local program path of_target
  for program in "$@"; do
    path=$program
    case $program in tests/*) path=${program%_test}_test ;; esac
    [ -x "$build/$path" ] || stop "no $path in $build" "the archive shall hold it" \
      "build the target $(target_of "$program") first"
    install -D -s "$build/$path" "$folder/build/release/$path"
    for of_target in "$build/lib/fedfuse/${path##*/}"-* "$build/lib/fedfuse/lib${path##*/}"-*.so; do
      [ ! -f "$of_target" ] ||
        install -D -s "$of_target" "$folder/build/release/lib/fedfuse/${of_target##*/}"
    done
  done
}

# Those of one machine: no fabrics, no batch systems, no OpenSHMEM.
copy_plugins() {
  local file
  for file in "$plugins"/mca_*.so; do
    case ${file##*/} in
      *_ucx.so | *_ofi.so | *_openib.so | *_psm*.so | *_slurm.so | *_monitoring.so | \
        *_netlink.so | *_flux.so | *_jsm.so | mca_ras_* | mca_scoll_* | mca_spml_* | \
        mca_sshmem_* | mca_memheap_* | mca_atomic_* | mca_btl_tcp.so | mca_crs_* | \
        mca_vprotocol_*) ;;
      *) install -s "$file" "$folder/plugins" ;;
    esac
  done
  install -s "$(command -v orterun)" "$folder/bin/orterun"
  cp "$(ompi_info --parsable --path pkgdatadir | cut -d: -f3)"/help-*.txt "$folder/share"
}

# All that is loaded when programs and plugins start, but for glibc's and the driver's.
copy_libraries() {
  local from line name file
  local -a elf
  mapfile -t elf < <(find "$folder" -type f \( -perm -u+x -o -name '*.so' \))
  from=$(dirname "$plugins"):$build:$build/lib/fedfuse
  while read -r line; do
    name=${line%% *}
    file=${line##*=> }
    file=${file% (*}
    [ "$file" != 'not found' ] || stop "$name cannot be found" "a program needs it" \
      "install it, or add its folder to LD_LIBRARY_PATH"
    [[ $name =~ $of_glibc ]] || install -s "$file" "$folder/lib/$name"
  done < <(LD_LIBRARY_PATH=$from${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} ldd "${elf[@]}" |
    sed -nE 's/^[[:space:]]+([^ ]+ => .*)$/\1/p' | sort -u -t' ' -k1,1)
  # a build without the preset's RPATH: run gives LD_LIBRARY_PATH
  readelf -d "$folder/build/release/fedfuse" | grep -q '(RPATH).*ORIGIN' || : >"$folder/lib/by_path"
  python3 "$root/jobs/lib/inherit_rpath.py" "$folder"/lib/*.so* "$folder"/plugins/*.so
}

copy_scripts() {
  cp "$root/jobs/gpu.sh" "$folder/jobs"
  cp "$root"/jobs/lib/{numbers,mpi_environment,gpu_parts}.sh "$folder/jobs/lib"
  cp "$root/LICENSE" "$folder"
  cp "${FEDFUSE_GOLDENS:-$root/tests/oracle/goldens.h5}" "$folder/share/goldens.h5"
  cp "$root/jobs/lib/bundle_run.sh" "$folder/run"
  cp "$root/jobs/lib/bundle_mpirun.sh" "$folder/bin/mpirun"
  chmod +x "$folder/run" "$folder/bin/mpirun"
}

describe() {
  local needed
  needed=$(find "$folder" -type f -exec readelf --wide --version-info {} + 2>/dev/null |
    grep -o "GLIBC_[0-9.]*" | sort -uV | tail -n 1) || true
  cat <<TEXT
fedfuse for a machine with bash, a driver, and glibc of this version or newer:
${needed/_/ }
$(git -C "$root" log -1 --format='commit %H' 2>/dev/null || echo 'commit unknown')
$("$build/fedfuse" --version)

./run fedfuse train ...            a program of build/release
./run mpirun -n 2 build/release/fedfuse train ...
./run jobs/gpu.sh RESULTS          also needs coreutils, findutils, grep, gzip, sed and tar
TEXT
}
