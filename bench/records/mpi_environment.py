"""The environment of every MPI program that a Python tool starts on this machine."""

from __future__ import annotations

import os
import subprocess

from records.program import ROOT

SETTINGS = ROOT / "jobs" / "lib" / "mpi_environment.sh"


def mpi_environment(**defaults: str) -> dict[str, str]:
    """The caller's environment, with the settings of jobs/lib/mpi_environment.sh, and with defaults
    where a variable is not set.
    """
    line = ["sh", "-c", '. "$0" && env -0', str(SETTINGS)]
    said = subprocess.run(line, capture_output=True, check=True, env={**defaults, **os.environ})
    pairs = (entry.partition(b"=") for entry in said.stdout.split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
