"""Runs of a study: started, or read again when an earlier one is the same."""

from __future__ import annotations

import json
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lib import study_tree
from records import identity, load, load_notes, outputs
from records.errors import Refusal, meant
from records.mpi_environment import mpi_environment

Record = dict[str, Any]
Settings = dict[str, Any]


class Runner:
    """Starts the program for settings, on one data set. work: the folder of the runs."""

    def __init__(self, program: str, data: str, work: Path, common: Settings, parallel: int):
        self.common, self.parallel = common, parallel
        self._program, self._data, self._work = program, data, work
        self.program = identity.ask_program(program)
        self.data = identity.ask_data(program, data)
        self._options = identity.ask_config(program, "")
        (work / "runs").mkdir(parents=True, exist_ok=True)

    def whole(self, settings: Settings) -> Settings:
        """A fusion may have a label behind @."""
        fusion = settings["fusion"].split("@")[0]
        return {**self.common, **settings, "fusion": fusion}

    def effective(self, settings: Settings) -> Settings:
        """Every option of such a run, with the names of a record."""
        given = {name.replace("-", "_"): value for name, value in self.whole(settings).items()}
        return {**self._options, **given}

    def why_refused(self, settings: Settings) -> str:
        """What the program says against options, before it reads any data; "": nothing."""
        whole = self.whole(settings)
        for name in whole:
            if name.replace("-", "_") not in self._options:
                known = [one.replace("_", "-") for one in self._options]
                return f'fedfuse train has no option "{name}"{meant(name, known)}'
        absent = self._work / "runs" / "no-such-data.h5"
        said = self._start(whole, absent, self._work / "runs" / "none.h5").stderr
        return "" if f"cannot read {absent}" in said else said.strip().replace("\n", "; ")

    def _start(self, whole: Settings, data: Path | str, out: Path):
        return subprocess.run(
            self._command(whole, data, out),
            env=mpi_environment() | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    def _command(self, whole: Settings, data: Path | str, out: Path) -> list[str]:
        files = ["--data", str(data), "--out", str(out), "--overwrite"]
        return [self._program, "train", *files, *study_tree.option_words(whole)]

    def why_other(self, record: Record, settings: Settings) -> str:
        """Why an earlier run is not the one that is asked for; "" when it is, and is finished."""
        of = identity.identity_of(record)
        for part, here in (("data", self.data), ("program", self.program)):
            if of[part] != here:
                return f"{part} {identity.short(of[part])}, not {identity.short(here)}"
        unfinished = record["status"] in ("running", "interrupted")
        return ", ".join(identity.other_settings(settings, record)) or (
            "not finished" if unfinished else ""
        )

    def path_of(self, settings: Settings) -> Path:
        """The JSON twin of the run with these settings."""
        whole = self.whole(settings)
        key = identity.hash_of([self.data, self.program, whole])[:16]
        name = f"{whole['backbone']}_{whole['fusion'].replace('+', '_')}_{key}.json"
        return self._work / "runs" / name

    def run(self, settings: Settings) -> Record | None:
        """Train (or read the earlier run) and return the JSON record, or None when training
        diverged.
        """
        whole, path = self.whole(settings), self.path_of(settings)
        finished = read_record(path)
        if finished is None or self.why_other(finished, whole):
            self._train(whole, path)
        loaded = read_record(path)
        if loaded is None:
            return None
        if why := self.why_other(loaded, whole):
            raise Refusal(
                f"{path} is not the run that was started",
                f"its {why}: the data set or the program was replaced during the study",
                "start the study again",
            )
        loaded["load"] = load_notes.load_around(path)
        # runs.csv names any other reason not to use it
        return loaded if loaded["status"] != "failed" else None

    def _train(self, whole: Settings, path: Path) -> None:
        path.unlink(missing_ok=True)
        out = path.with_suffix(".h5")
        before = load.now()
        done = self._start(whole, self._data, out)
        diverged = done.returncode == 2 and "diverged" in done.stderr
        if done.returncode != 0 and not diverged:
            raise Refusal(
                "a run of the study failed",
                done.stderr.strip() or f"exit code {done.returncode}",
                "correct the study, or try it by hand: "
                + shlex.join(self._command(whole, self._data, out)),
            )
        around = load.judge(before["load"], load.average(), before["cores"])
        outputs.write_text(path.with_suffix(".load.json"), json.dumps(around) + "\n")
        out.unlink(missing_ok=True)  # the JSON twin suffices for the tables

    def columns(self, record: Record | None) -> dict[str, str]:
        """The identity of a run; of a diverged one without a record what is known."""
        known = {
            "data_identity": self.data,
            "config_identity": "",
            "program_identity": self.program,
        }
        return known if record is None else identity.columns(record)

    def run_all(self, jobs: list[Settings]) -> list[Record | None]:
        with ThreadPoolExecutor(self.parallel) as pool:
            return list(pool.map(self.run, jobs))


def read_record(path: Path) -> Record | None:
    """The JSON twin of a run; None when there is none, or it is not whole."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "config" in record else None
