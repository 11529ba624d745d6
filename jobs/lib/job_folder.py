"""A job as a folder: its script, the settings that the script sources, and the request. The job
adds environment, log and result.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lib.seeds import seed_list
from lib.systems import System
from records.errors import Refusal, meant
from records.program import ROOT, default_program

TEMPLATES = ROOT / "jobs" / "slurm"


@dataclass
class Job:
    folder: str
    template: str = "cpu-node"
    nodes: int = 1
    ranks: int = 1
    threads: int = 1
    gpus: int = 0  # of a node
    program: str = ""
    arguments: list[str] = field(default_factory=list)
    # as sbatch --array takes them: 0-4, 1,5,9, 0-8:2, each with %2 for two at a time
    seeds: str = ""
    after: list[str] = field(default_factory=list)  # ids of jobs that must have succeeded

    def ranks_per_node(self) -> int:
        return -(-self.ranks // self.nodes)


def templates() -> list[str]:
    return sorted(path.stem for path in TEMPLATES.glob("*.sbatch"))


def is_oversubscribed(job: Job, system: System) -> bool:
    return job.ranks_per_node() * job.threads > system.cores_per_node


def check(job: Job, system: System) -> None:
    """Refuse a job that does not fit the system."""
    if job.template not in templates():
        raise Refusal(
            f'there is no template "{job.template}"',
            f"{TEMPLATES} has no {job.template}.sbatch",
            f"give one of: {', '.join(templates())}{meant(job.template, templates())}",
        )
    for name in ("nodes", "ranks", "threads"):
        if getattr(job, name) < 1:
            raise Refusal(
                f"{name} = {getattr(job, name)}", "a job needs at least one", "correct it"
            )
    if job.gpus < 0:
        raise Refusal(f"gpus = {job.gpus}", "a node has no fewer than none", "correct it")
    if job.seeds:
        seed_list(job.seeds)
    where = f"system {system.name} ({system.path})"
    if system.nodes and job.nodes > system.nodes:
        raise Refusal(
            f"{job.nodes} nodes asked for",
            f"{where} gives a job at most {system.nodes}",
            'ask for fewer, or correct "nodes" there',
        )
    if job.nodes > job.ranks:
        raise Refusal(
            f"{job.ranks} ranks on {job.nodes} nodes",
            "a node would have none",
            "ask for at least one rank a node",
        )
    if job.gpus > system.gpus_per_node:
        raise Refusal(
            f"{job.gpus} GPUs a node asked for",
            f"{where} has {system.gpus_per_node}",
            'ask for fewer, or correct "gpus_per_node" there',
        )
    if is_oversubscribed(job, system) and not system.oversubscribe:
        raise Refusal(
            f"{job.ranks_per_node()} ranks x {job.threads} threads on a node",
            f"{where} has {system.cores_per_node} cores a node",
            'ask for fewer, for more nodes, or set "oversubscribe": true there',
        )


def write(job: Job, system: System) -> Path:
    """Write the folder. Files of an earlier run stay."""
    check(job, system)
    folder = Path(job.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(TEMPLATES / f"{job.template}.sbatch", folder / "job.sbatch")
    (folder / "job.json").write_text(
        json.dumps(
            {
                "system": system.name,
                "oversubscribed": is_oversubscribed(job, system),
                **asdict(job),
            },
            indent=1,
        )
        + "\n"
    )
    (folder / "job.sh").write_text(_script_settings(job, system))
    return folder


def _script_settings(job: Job, system: System) -> str:
    places = {
        "nodes": job.nodes,
        "ranks": job.ranks,
        "ranks_per_node": job.ranks_per_node(),
        "threads": job.threads,
        "gpus": job.gpus,
    }
    launcher = shlex.split(system.launcher.format(**places))
    program = Path(job.program).resolve() if job.program else default_program()
    lines = [
        "# shellcheck shell=bash disable=SC2034",
        f"# Written for system {system.name}; sourced by job.sbatch.",
        f"root={shlex.quote(str(ROOT))}",
        f"program={shlex.quote(str(program))}",
        " ".join(f"{name}={value}" for name, value in places.items()),
        f"launcher=({shlex.join(launcher)})",
        f"arguments=({shlex.join(job.arguments)})",
    ]
    if system.modules:
        lines.append(f"module load {shlex.join(system.modules)}")
    lines += system.setup
    lines += [f"export {name}={shlex.quote(value)}" for name, value in system.environment.items()]
    return "\n".join(lines) + "\n"


def sbatch_line(job: Job, system: System) -> list[str]:
    folder = Path(job.folder).resolve()
    log = folder / ("log-%a.txt" if job.seeds else "log.txt")
    words = [
        "sbatch",
        "--parsable",
        "--export=ALL",
        f"--output={log}",
        f"--nodes={job.nodes}",
        f"--ntasks={job.ranks}",
        f"--ntasks-per-node={job.ranks_per_node()}",
        f"--cpus-per-task={job.threads}",
        f"--time={system.time_limit}",
    ]
    partition = (system.gpu_partition or system.partition) if job.gpus else system.partition
    words += [
        f"--{name}={value}"
        for name, value in (
            ("partition", partition),
            ("account", system.account),
            ("array", job.seeds),
        )
        if value
    ]
    if job.gpus:
        words.append(
            system.gpu_request.format(
                nodes=job.nodes,
                ranks=job.ranks,
                ranks_per_node=job.ranks_per_node(),
                threads=job.threads,
                gpus=job.gpus,
            )
        )
    if is_oversubscribed(job, system):
        words.append("--overcommit")
    if job.after:
        words += [f"--dependency=afterok:{':'.join(job.after)}", "--kill-on-invalid-dep=yes"]
    return [*words, *system.sbatch, str(folder / "job.sbatch"), str(folder)]


def shell_lines(job: Job) -> list[list[str]]:
    """The commands of a local system: the script, once per seed of an array."""
    folder = Path(job.folder).resolve()
    line = ["bash", str(folder / "job.sbatch"), str(folder)]
    return (
        [["env", f"SLURM_ARRAY_TASK_ID={seed}", *line] for seed in seed_list(job.seeds)]
        if job.seeds
        else [line]
    )


def lines(job: Job, system: System, *, keep_as: str = "", after: str = "") -> list[str]:
    """Lines for a shell that do what submit() does: run the job, or submit it and keep its id in
    its folder. keep_as: a shell variable that the id is kept in, too. after: such a variable, or
    the id of a queued job; the job starts when that one has succeeded.
    """
    if system.is_local():
        log = Path(job.folder).resolve() / "log.txt"
        seeds = seed_list(job.seeds) if job.seeds else []
        logs = [log.with_name(f"log-{seed}.txt") for seed in seeds] or [log]
        return [
            f"{shlex.join(line)} >>{shlex.quote(str(file))} 2>&1"
            for file, line in zip(logs, shell_lines(job))
        ]
    sbatch, *words = sbatch_line(job, system)
    if after:
        # without the id the shell does not call sbatch: nothing waits for nothing
        job_id = after if after.isdigit() else f'"${{{after}:?its data set was not submitted}}"'
        sbatch += f" --dependency=afterok:{job_id} --kill-on-invalid-dep=yes"
    submitted = shlex.quote(str(Path(job.folder).resolve() / "submitted.txt"))
    line = f"{sbatch} {shlex.join(words)} | cut -d ';' -f 1 | tee {submitted}"
    return [f"{keep_as}=$({line})" if keep_as else line]


def queued_as(folder: Path) -> str:
    """The id of the folder's job while it waits or runs in SLURM, else ""."""
    submitted = folder / "submitted.txt"
    if not submitted.exists() or shutil.which("squeue") is None:
        return ""
    words = submitted.read_text().split(";")[0].split()
    if not words:  # sbatch refused the job
        return ""
    job_id = words[-1]
    # fails when SLURM no longer knows the id
    done = subprocess.run(
        ["squeue", "--noheader", f"--jobs={job_id}", "--format=%T"],
        capture_output=True,
        text=True,
        check=False,
    )
    return job_id if done.returncode == 0 and done.stdout.strip() else ""


def run_here(job: Job) -> int:
    """Run the job on this machine. Return its exit code; of an array the first that is not 0."""
    codes = []
    for log_name, line in zip(
        [f"log-{seed}.txt" for seed in seed_list(job.seeds)] if job.seeds else ["log.txt"],
        shell_lines(job),
    ):
        with (Path(job.folder) / log_name).open("a") as log:
            codes.append(
                subprocess.run(line, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
            )
    return next((code for code in codes if code != 0), 0)


def submit(job: Job, system: System) -> str:
    """Submit the folder with sbatch and return the job's id. A local system runs it and returns "";
    attempts.txt holds the exit code.
    """
    folder = Path(job.folder)
    if system.is_local():
        run_here(job)
        return ""
    if shutil.which("sbatch") is None:
        raise Refusal(
            "there is no SLURM here",
            "sbatch is not on the path",
            "submit where it is, or give a system whose scheduler is local: --system single-node",
        )
    line = sbatch_line(job, system)
    done = subprocess.run(
        line,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(
            f"sbatch refused {job.folder}",
            done.stderr.strip() or f"exit code {done.returncode}",
            f"see whether SLURM answers (sinfo), and correct the system file {system.path}; the "
            f"line was: {shlex.join(line)}",
        )
    job_id = done.stdout.strip().split(";")[0]
    (folder / "submitted.txt").write_text(job_id + "\n")
    return job_id
