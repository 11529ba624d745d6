"""A scaling study as a tree of job folders. WORK/data/* make the data, WORK/runs/POINT/repeat-i
train. The tables are in WORK.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib import finished, job_folder
from lib.job_folder import Job
from lib.systems import System
from records import identity
from records.errors import Refusal, meant
from records.readers import read_json

KEYS = {"name": str, "kind": str, "generate": dict, "train": dict, "points": list, "repeats": int}
POINT_KEYS = ("nodes", "ranks", "threads", "gpus")


@dataclass(frozen=True)
class Point:
    nodes: int = 1
    ranks: int = 1
    threads: int = 1
    gpus: int = 0  # of a node

    def name(self) -> str:
        return f"nodes-{self.nodes}_ranks-{self.ranks}_threads-{self.threads}" + (
            f"_gpus-{self.gpus}" if self.gpus else ""
        )


@dataclass(frozen=True)
class Study:
    name: str
    kind: str  # strong: the same data for every point; weak: generate.users for every rank
    generate: dict[str, Any]
    train: dict[str, Any]
    points: list[Point]
    repeats: int

    def users(self, point: Point) -> int:
        return int(self.generate["users"]) * (point.ranks if self.kind == "weak" else 1)


def load(path: Path) -> Study:
    values = read_json(path)
    if not isinstance(values, dict):
        raise Refusal(
            f"{path} does not hold a study",
            "a study is a JSON object",
            "see jobs/studies/strong.json",
        )
    mistakes = [f'unknown key "{key}"{meant(key, KEYS)}' for key in values if key not in KEYS]
    mistakes += [
        f'"{key}" is missing or not of type {kind.__name__}'
        for key, kind in KEYS.items()
        if not isinstance(values.get(key), kind)
    ]
    if not mistakes:
        mistakes = _mistakes_of_values(values)
    if mistakes:
        raise Refusal(
            f"{path} does not describe a scaling study",
            "; ".join(mistakes),
            "correct it; jobs/studies/strong.json is an example",
        )
    return Study(**{**values, "points": [Point(**point) for point in values["points"]]})


def _mistakes_of_values(values: dict[str, Any]) -> list[str]:
    mistakes = []
    if values["kind"] not in ("strong", "weak"):
        mistakes.append(f'"kind" is "{values["kind"]}", and can be strong or weak')
    if not _is_whole(values["generate"].get("users"), 1):
        mistakes.append('"generate" has no whole number "users"')
    if values["repeats"] < 1 or not values["points"]:
        mistakes.append("at least one repeat and one point are needed")
    for point in values["points"]:
        wrong = (
            [
                key
                for key, number in point.items()
                if key not in POINT_KEYS or not _is_whole(number, 0 if key == "gpus" else 1)
            ]
            if isinstance(point, dict)
            else [str(point)]
        )
        mistakes += [
            f'a point has "{key}", which is none of {", ".join(POINT_KEYS)} with a whole number'
            for key in wrong
        ]
    if (
        values["kind"] == "weak"
        and not mistakes
        and len({point.get("threads", 1) for point in values["points"]}) > 1
    ):
        mistakes.append(
            '"points" differ in "threads": a weak study grows with the ranks, and more threads '
            "would share the same work"
        )
    if not _is_whole(values["train"].get("rounds"), 2):
        mistakes.append('"train" needs "rounds" of at least 2: the first is warm-up')
    return mistakes


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def option_words(options: dict[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        elif isinstance(value, list):
            words += [f"--{name}", ",".join(map(str, value))]
        elif value is not False:
            words += [f"--{name}", str(value)]
    return words


def toml(options: dict[str, Any]) -> str:
    """fedfuse reads the names with underscores; JSON's strings, numbers, booleans and lists are
    TOML's.
    """
    return "".join(
        f"{name.replace('-', '_')} = {json.dumps(value)}\n" for name, value in options.items()
    )


@dataclass
class Jobs:
    """The jobs that are still to be submitted, and the ids of the queued and running ones."""

    data: dict[Path, Job] = field(default_factory=dict)
    runs: list[tuple[Point, Job]] = field(default_factory=list)
    queued_data: dict[Path, str] = field(default_factory=dict)
    queued_runs: list[str] = field(default_factory=list)
    # folders whose result is not the one that is asked for, with the reason
    again: dict[Path, str] = field(default_factory=dict)

    @property
    def queued(self) -> list[str]:
        return [*self.queued_data.values(), *self.queued_runs]


@dataclass(frozen=True)
class Tree:
    work: Path
    study: Study
    system: System
    program: str = ""
    data: str = ""  # an existing data set, only for strong studies

    def data_file(self, point: Point) -> Path:
        """Other options of the generator are another folder."""
        if self.data:
            return Path(self.data).resolve()
        options = identity.hash_of(self.study.generate)[:8]
        folder = f"users-{self.study.users(point)}-{options}"
        return self.work / "data" / folder / "data.h5"

    def data_jobs(self) -> dict[Path, Job]:
        """One job for each data set that no earlier study in this folder made."""
        jobs = {}
        if self.data:
            return jobs
        for point in self.study.points:
            file = self.data_file(point)
            if file not in jobs and not file.exists():
                options = {**self.study.generate, "users": self.study.users(point)}
                jobs[file] = Job(
                    str(file.parent),
                    program=self.program,
                    arguments=[
                        "generate",
                        *option_words(options),
                        "--out",
                        str(file),
                        "--overwrite",
                    ],
                )
        return jobs

    def run_jobs(self) -> list[tuple[Point, Job]]:
        """The runs, repeat by repeat, so that a slow phase of the machine affects all points
        alike.
        """
        return [
            (point, self._run_job(point, repeat))
            for repeat in range(self.study.repeats)
            for point in self.study.points
        ]

    def _run_job(self, point: Point, repeat: int) -> Job:
        folder = self.work / "runs" / point.name() / f"repeat-{repeat}"
        arguments = [
            "train",
            "--config",
            str(folder / "config.toml"),
            "--data",
            str(self.data_file(point)),
            "--out",
            str(folder / "result.h5"),
            "--overwrite",
        ]
        template = "nodes" if point.nodes > 1 else "gpu-node" if point.gpus else "cpu-node"
        return Job(
            str(folder),
            template,
            point.nodes,
            point.ranks,
            point.threads,
            point.gpus,
            self.program,
            arguments,
        )

    def write(self) -> Jobs:
        """Write the folders of the jobs that are still to be run, and return them. Folders of
        queued jobs are not changed. A result of other data, options or program is set aside.
        """
        jobs = Jobs()
        done = finished.Finished(self.program, toml(self.study.train))
        for file, job in self.data_jobs().items():
            if queued := job_folder.queued_as(Path(job.folder)):
                jobs.queued_data[file] = queued
            else:
                jobs.data[file] = job
        for point, job in self.run_jobs():
            folder = Path(job.folder)
            twin = folder / "result.json"
            why = done.why_not(twin, self.data_file(point)) if twin.exists() else ""
            if twin.exists() and not why:
                continue
            if queued := job_folder.queued_as(folder):
                jobs.queued_runs.append(queued)
                continue
            jobs.runs.append((point, job))
            if why:
                jobs.again[folder] = why
                finished.set_aside(folder)
        for job in [*jobs.data.values(), *(job for _, job in jobs.runs)]:
            job_folder.write(job, self.system)
        for _, job in jobs.runs:
            (Path(job.folder) / "config.toml").write_text(toml(self.study.train))
        document = {
            "name": self.study.name,
            "kind": self.study.kind,
            "generate": self.study.generate,
            "train": self.study.train,
            "points": [vars(point) for point in self.study.points],
            "repeats": self.study.repeats,
        }
        (self.work / "study.json").write_text(json.dumps(document, indent=1) + "\n")
        return jobs

    def shell_lines(self, jobs: Jobs) -> list[str]:
        """Lines for a shell, to be run in this order: first the data sets, then the runs, each of
        which waits for its data set.
        """
        lines, kept = [], dict(jobs.queued_data)
        for number, (file, job) in enumerate(jobs.data.items(), 1):
            kept[file] = f"data_{number}"
            lines += job_folder.lines(job, self.system, keep_as=kept[file])
        for point, job in jobs.runs:
            lines += job_folder.lines(job, self.system, after=kept.get(self.data_file(point), ""))
        return lines
