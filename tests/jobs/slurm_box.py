"""The private SLURM of slurm_test.py, and the folders of the jobs in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SKIPPED = 77
PATIENCE = 90.0  # seconds; the whole takes about 20 on a quiet machine


class Failed(Exception):
    pass


def expect(truth: bool, words: str) -> None:
    if not truth:
        raise Failed(words)


class Box:
    """The private SLURM, and the folders of the jobs in it."""

    def __init__(self, folder: Path, program: Path):
        self.folder, self.program = folder, program
        self.ids: dict[str, str] = {}
        self.events: list[str] = []
        self.start_time = time.monotonic()

    def say(self, words: str) -> None:
        self.events.append(f"{time.monotonic() - self.start_time:6.1f} s  {words}")
        print(self.events[-1], flush=True)

    def start(self) -> None:
        done = subprocess.run(
            [HERE / "slurmbox.sh", "start", self.folder / "box", "2"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == SKIPPED:
            print(done.stderr.strip())
            sys.exit(SKIPPED)
        expect(done.returncode == 0, f"slurmbox.sh ended with {done.returncode}: {done.stderr}")
        os.environ["SLURM_CONF"] = str(self.folder / "box" / "slurm.conf")
        self.say(
            f"{run(['sinfo', '--version'])} is up: {run(['sinfo', '-h', '-o', '%D nodes %N, %G'])}"
        )

    def stop(self) -> None:
        subprocess.run([HERE / "slurmbox.sh", "stop", self.folder / "box"], check=False)

    def submit(
        self, name: str, *words: str, program: Path | None = None, arguments: list[str]
    ) -> None:
        line = [
            ROOT / "jobs/submit.py",
            "--system",
            "slurmbox",
            "--folder",
            self.folder / name,
            "--program",
            program or self.program,
            *words,
            "--submit",
            "--",
            *arguments,
        ]
        self.ids[name] = run([sys.executable, *line])
        self.say(f"submitted {name}: job {self.ids[name]}")

    def states(self, name: str) -> list[str]:
        return run(["squeue", "-h", "-t", "all", "-j", self.ids[name], "-o", "%T"]).split()

    def wait(self, name: str, wanted: str) -> None:
        over = {
            "COMPLETED",
            "FAILED",
            "CANCELLED",
            "TIMEOUT",
            "NODE_FAIL",
            "BOOT_FAIL",
            "OUT_OF_MEMORY",
            "DEADLINE",
        }
        while True:
            states = self.states(name)
            if states and over.issuperset(states):
                break
            expect(
                time.monotonic() - self.start_time < PATIENCE,
                f"{name} is still {states}; {self.text(name, 'log*.txt')}",
            )
            time.sleep(0.1)
        self.say(f"{name}: {' '.join(states)}")
        expect(
            set(states) == {wanted},
            f"{name} is {states}, not {wanted}; {self.text(name, 'log*.txt')}",
        )

    def text(self, name: str, pattern: str) -> str:
        return "\n".join(
            path.read_text(errors="replace") for path in sorted((self.folder / name).glob(pattern))
        )

    def result(self, name: str, file: str = "result.json") -> dict:
        path = self.folder / name / file
        expect(path.exists(), f"{path} is missing; {self.text(name, 'log*.txt')}")
        return json.loads(path.read_text())


def run(line: list) -> str:
    done = subprocess.run([str(word) for word in line], capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{line} ended with {done.returncode}: {done.stderr}")
    return done.stdout.strip()
