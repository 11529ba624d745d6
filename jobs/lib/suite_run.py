"""Running the programs of a workload. What they write stands in the folder of the row."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.study_tree import option_words
from lib.suite_classes import KERNELS, Class, Workload, train_options
from records import same_bits
from records.errors import Refusal
from records.mpi_environment import mpi_environment
from records.readers import twin_of

BAD_INPUT = 2
KERNEL_REPEATS, COLLECTIVE_REPEATS, IO_REPEATS = 5, 7, 5  # of one run


@dataclass(frozen=True)
class Shape:
    ranks: int
    threads: int
    device: str
    copies: int = 1

    def cores(self) -> int:
        return self.ranks * self.threads * self.copies

    def other(self) -> Shape:
        """Another number of ranks and of threads, for a run that must give the same bits."""
        return Shape(2 if self.ranks == 1 else 1, 2 if self.threads == 1 else 1, self.device)


@dataclass(frozen=True)
class Runner:
    program: Path
    launcher: str  # of MPI; {ranks} is filled in
    folder: Path

    def train(
        self, workload: Workload, of: Class, data: Path, shape: Shape, out: Path, seed: int
    ) -> list[str]:
        options = train_options(workload, of, shape.device, seed)
        words = ["train", "--data", str(data), *option_words(options), "--out", str(out)]
        words += ["--threads", str(shape.threads), "--overwrite"]
        return [*self._launch(shape.ranks), str(self.program), *words]

    def bench(self, name: str, ranks: int, words: Sequence[str]) -> list[str]:
        return [*(self._launch(ranks) if ranks else []), str(self.program_of(name)), *words]

    def program_of(self, name: str) -> Path:
        """A benchmark of the build tree, or of the installed one, beside the program."""
        places = [self.program.parent / "bench" / name, self.program.parent / name]
        for place in places:
            if place.exists():
                return place
        raise Refusal(
            f"there is no {name}",
            f"{places[0]} does not exist",
            f"cmake --build build/release --target {name}, or leave its workload out",
        )

    def _launch(self, ranks: int) -> list[str]:
        return shlex.split(self.launcher.format(ranks=ranks))


def start(line: list[str], threads: int) -> subprocess.Popen[str]:
    environment = mpi_environment() | {"OMP_NUM_THREADS": str(threads)}
    try:
        return subprocess.Popen(
            line,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError as error:
        raise Refusal(
            f"{line[0]} cannot be started", error.strerror or str(error), "see --launcher"
        ) from error


def finish(process: subprocess.Popen[str], line: list[str], record: Path) -> str:
    """How the program failed; "": it ended well. A program that found its input bad, and wrote no
    record, is a Refusal."""
    said, _ = process.communicate()
    if process.returncode == 0:
        return ""
    lines = [text for text in said.splitlines() if "error:" in text or "why:" in text]
    told = "; ".join(text.strip() for text in lines or said.splitlines()[-1:])
    if process.returncode == BAD_INPUT and not record.exists():
        raise Refusal(
            f"{shlex.join(line[:4])} ... was refused",
            told or "exit code 2",
            f"try it by hand: {shlex.join(line)}",
        )
    return told or f"exit code {process.returncode}"


def run_training(
    runner: Runner, workload: Workload, of: Class, data: Path, shape: Shape, folder: Path, name: str
) -> list[str]:
    """Copies side by side, with seeds from 0. Returns how they failed."""
    started = []
    for seed in range(shape.copies):
        out = folder / (f"{name}-seed{seed}.h5" if shape.copies > 1 else f"{name}.h5")
        line = runner.train(workload, of, data, shape, out, seed)
        started.append((start(line, shape.threads), line, twin_of(out)))
    told = [finish(*one) for one in started]
    return [one for one in told if one]


def compare_bits(folder: Path, first: str, second: str) -> dict[str, Any]:
    """Names of what differs between two runs; without h5py the twins alone are compared, later."""
    files = [folder / f"{name}.h5" for name in (first, second)]
    try:
        return {"differences": same_bits.differences(*files)}
    except ImportError:
        return {"differences": [], "model": "not compared: this Python has no h5py"}
    except (OSError, LookupError, ValueError) as error:
        return {"differences": [f"a result cannot be read: {error}"]}


def remove_models(folder: Path) -> None:
    """The twins are the record; a model of a million clients is not kept."""
    for file in [*folder.glob("*.h5"), *folder.glob("*.h5.lock")]:
        file.unlink()


def run_bench(
    runner: Runner,
    workload: Workload,
    of: Class,
    data: Path | None,
    shape: Shape,
    folder: Path,
    name: str,
) -> list[str]:
    out = folder / f"{name}.json"
    if workload.name == "kernels":
        words = [
            f"--benchmark_filter=^({'|'.join(KERNELS)})$",
            f"--benchmark_min_time={of.kernel_seconds}",
            f"--benchmark_repetitions={KERNEL_REPEATS}",
            f"--benchmark_out={out}",
            "--benchmark_out_format=json",
        ]
        line = runner.bench(workload.program, 0, words)
    elif workload.name == "collectives":
        words = ["--max-bytes", str(of.most_bytes), "--repeats", str(COLLECTIVE_REPEATS)]
        line = runner.bench(workload.program, shape.ranks, [*words, "--out", str(out)])
    else:
        scratch = folder / "scratch.h5"
        words = ["--data", str(data), "--scratch", str(scratch), "--repeats", str(IO_REPEATS)]
        line = runner.bench(workload.program, shape.ranks, [*words, "--out", str(out)])
    told = finish(start(line, shape.threads), line, out)
    return [told] if told else []


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
