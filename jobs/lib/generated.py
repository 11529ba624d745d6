"""Data sets that fedfuse makes for a study."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

from lib.study_tree import option_words
from records.errors import Refusal
from records.mpi_environment import mpi_environment


def make(program: str | Path, options: dict[str, Any], file: Path) -> None:
    """fedfuse generate, over what is there."""
    line = [str(program), "generate", *option_words(options), "--out", str(file), "--overwrite"]
    done = subprocess.run(line, env=mpi_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refusal(
            f"{file} was not made",
            done.stderr.strip().replace("\n", "; ") or f"exit code {done.returncode}",
            f"try it by hand: {shlex.join(line)}",
        )
