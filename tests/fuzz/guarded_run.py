"""Runs the program under limits of time and memory, and says what it did."""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    seconds: float = 20.0
    growth_bytes: int = 1024 * MEBIBYTE  # above what the program holds at `--version`


@dataclass(frozen=True)
class Outcome:
    code: int  # negative: the signal that ended the process
    seconds: float
    peak_bytes: int  # resident
    stdout: str
    stderr: str


@functools.cache
def is_sanitized(program: str) -> bool:
    return b"__asan_init" in Path(program).read_bytes()


def environment(program: str, limit_bytes: int) -> dict[str, str]:
    """Of the program: a sanitizer's finding ends it with 99. An allocation that HDF5 asks for and
    handles when it fails, as malloc() lets it, is none.
    """
    own = {"OMP_NUM_THREADS": "1"}
    if is_sanitized(program):
        own["ASAN_OPTIONS"] = (
            "exitcode=99:detect_leaks=0:quarantine_size_mb=16:allocator_may_return_null=1:"
            f"hard_rss_limit_mb={limit_bytes // MEBIBYTE}"
        )
        own["UBSAN_OPTIONS"] = "halt_on_error=1:print_stacktrace=1:exitcode=99"
    return os.environ | own


def make(program: str, words: list[str], folder: Path) -> str:
    """A start that must go well; its standard output."""
    done = subprocess.run(
        [program, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(program, 8192 * MEBIBYTE),
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def limit_data(pid: int, limit_bytes: int) -> None:
    """An allocation above the limit fails. A sanitizer's shadow memory needs more."""
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (limit_bytes, limit_bytes))


def run(program: str, words: list[str], folder: Path, limits: Limits, base_bytes: int) -> Outcome:
    """One start in a session of its own; after limits.seconds the session is killed."""
    limit = base_bytes + limits.growth_bytes
    start = time.monotonic()
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [program, *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment(program, limit) | {"TMPDIR": str(folder)},
            cwd=folder,
            start_new_session=True,
        )
        if not is_sanitized(program):
            limit_data(process.pid, limit + 1024 * MEBIBYTE)  # libraries' data counts too
        watch = threading.Timer(limits.seconds, kill_session, [process.pid])
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        watch.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Outcome(
        process.returncode,
        time.monotonic() - start,
        usage.ru_maxrss * 1024,
        (folder / "stdout").read_text(errors="replace"),
        (folder / "stderr").read_text(errors="replace"),
    )


def kill_session(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
