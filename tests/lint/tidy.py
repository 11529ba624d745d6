"""clang-tidy over every translation unit of a build, several at a time."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import files

# GCC knows these flags, clang does not.
UNKNOWN = re.compile(r" -(?:Wno-maybe-uninitialized|Wno-restrict|fsanitize=\S+)(?= )")
# GCC's precompiled headers are not clang's, and hide a missing #include.
PRECOMPILED = re.compile(r" -Winvalid-pch(?= )| -include \S*cmake_pch\.hxx(?= )")
# GCC's pragmas; libstdc++ 12 calls its own get_temporary_buffer.
ADDED = "-Wno-unknown-pragmas -Wno-deprecated-declarations"
PROCESSOR = "-march=x86-64-v3"  # the findings do not depend on the machine
MEMORY_OF_A_PROCESS = 1 << 30


def check(build: str) -> int:
    clang_tidy = files.tool("clang-tidy")
    folder = Path(build).resolve() / "lint"
    units = write_database(Path(build) / "compile_commands.json", folder)

    def run(unit: str) -> str:
        line = [clang_tidy, "--quiet", "-p", str(folder), unit]
        return subprocess.run(line, capture_output=True, text=True, check=False).stdout

    with concurrent.futures.ThreadPoolExecutor(processes()) as pool:
        text = "\n".join(pool.map(run, units))
    text = text.replace(f"{files.ROOT}/", "")
    found = re.findall(r"^(\S+:\d+):\d+: (?:error|warning): (.*)$", text, re.M)
    print(f"{len(units)} translation units")
    return files.report("clang-tidy", [f"{where}: {message}" for where, message in found])


def write_database(database: Path, folder: Path) -> list[str]:
    """A compile database that clang understands; the translation units in it."""
    if not database.exists():
        raise files.Missing(f"{database} does not exist: configure the build with CMake first")
    folder.mkdir(exist_ok=True)
    include = folder / "include"
    include.mkdir(exist_ok=True)
    compiler = {}
    for entry in json.loads(database.read_text()):
        # nvcc's .cu: the emulated unit includes the same source
        if not entry["file"].endswith((".cu", "cmake_pch.hxx.cxx")):
            compiler.setdefault(entry["file"], entry)
    for entry in compiler.values():
        command = for_clang(entry["command"]).replace("-march=native", PROCESSOR)
        entry["command"] = command.replace(" -c ", f" {ADDED} -isystem {include} -c ", 1)
    copy_omp_header(next(iter(compiler.values()))["command"].split()[0], include)
    (folder / "compile_commands.json").write_text(json.dumps(list(compiler.values())))
    return sorted(compiler)


def for_clang(command: str) -> str:
    """The compiler's command line without what only GCC reads."""
    return PRECOMPILED.sub("", UNKNOWN.sub("", command))


def copy_omp_header(compiler: str, include: Path) -> None:
    """omp.h alone: the other headers of GCC's own folder are not for clang."""
    line = [compiler, "-print-file-name=include/omp.h"]
    found = subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()
    shutil.copyfile(found, include / "omp.h")


def processes() -> int:
    memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(os.sched_getaffinity(0)), memory // MEMORY_OF_A_PROCESS))
