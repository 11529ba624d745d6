#!/usr/bin/env python3
"""The job scripts on a real SLURM: munged, slurmctld and two slurmd of this machine, started for
this test (slurmbox.sh).

  slurm_test.py PROGRAM [--log FILE]     exit code 77: SLURM cannot run here, and why

All jobs are submitted through jobs/submit.py at once, then judged one by one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slurm_box import HERE, PATIENCE, ROOT, Box, Failed, expect, run


def submit_all(box: Box) -> None:
    data = box.folder / "data.h5"
    run(
        [
            box.program,
            *[
                "generate",
                "--users",
                "60",
                "--items",
                "60",
                "--dim-text",
                "8",
                "--dim-image",
                "8",
                "--out",
            ],
            data,
        ]
    )
    train = ["train", "--data", str(data), "--rounds", "3", "--dim", "8"]
    # The longest first: it waits for a signal and for its second start.
    box.submit(
        "requeue",
        "--template",
        "requeue",
        program=HERE / "stand_in.py",
        arguments=["train", "--data", str(data), "--checkpoint-every", "5"],
    )
    if checkpoints(box):
        big = box.folder / "big.h5"
        run(
            [
                box.program,
                *[
                    "generate",
                    "--users",
                    "1000",
                    "--items",
                    "500",
                    "--dim-text",
                    "8",
                    "--dim-image",
                    "8",
                    "--out",
                ],
                big,
            ]
        )
        box.submit(
            "continued",
            "--template",
            "requeue",
            arguments=["train", "--data", str(big), "--rounds", "120", "--checkpoint-every", "5"],
        )
    box.submit("nodes", "--template", "nodes", "--nodes", "2", "--ranks", "2", arguments=train)
    box.submit("cpu-node", "--template", "cpu-node", "--ranks", "2", arguments=train)
    box.submit("array", "--template", "array", "--seeds", "0-2", arguments=train)
    box.submit("gpu-node", "--template", "gpu-node", "--ranks", "2", "--gpus", "2", arguments=train)
    if run(["bash", "-c", "command -v ncu || true"]) == "":
        box.submit("profile-ncu", "--template", "profile-ncu", "--gpus", "1", arguments=train)


STUDY = {
    "name": "two nodes",
    "kind": "strong",
    "generate": {"users": 60, "items": 60, "dim-text": 8, "dim-image": 8},
    "train": {"backbone": "fcf", "fusion": "none", "rounds": 3, "dim": 8},
    "points": [{"ranks": 1}, {"nodes": 2, "ranks": 2}],
    "repeats": 1,
}


def scaling(box: Box, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "jobs/scaling.py", *words, "--work", box.folder / "study"],
        capture_output=True,
        text=True,
        check=False,
    )
    expect(
        done.returncode == 0,
        f"scaling.py {words} ended with {done.returncode}: {done.stdout} {done.stderr}",
    )
    return done.stdout + done.stderr


def submit_study(box: Box) -> None:
    """Its runs wait for their data; asked for again, nothing goes to SLURM a second time."""
    file = box.folder / "study.json"
    file.write_text(json.dumps(STUDY))
    line = [str(file), "--system", "slurmbox", "--program", str(box.program)]
    scaling(box, *line, "--submit")
    box.ids |= {
        f"study/{path.parent.relative_to(box.folder / 'study')}": path.read_text().strip()
        for path in sorted((box.folder / "study").rglob("submitted.txt"))
    }
    again = scaling(box, *line, "--submit")
    jobs = run(["squeue", "-h", "-t", "all", "-o", "%i"]).split()
    expect(len(jobs) == 3, f"SLURM has the jobs {jobs} and not three: {again}")
    box.say("submitted a study: a data set and two runs that wait for it; submitted again: nothing")


def check_study(box: Box) -> None:
    for name in [name for name in box.ids if name.startswith("study/")]:
        box.wait(name, "COMPLETED")
    scaling(box, "--collect")
    rows = json.loads((box.folder / "study/table.json").read_text())["rows"]
    expect(
        [(row["nodes"], row["ranks"], row["status"]) for row in rows]
        == [(1, 1, "ok"), (2, 2, "ok")],
        f"the study's table is {rows}",
    )
    box.say("study: gathered, two points, both valid")


def checkpoints(box: Box) -> bool:
    return "--checkpoint-every" in run([box.program, "train", "--help"])


def send_signal(box: Box, name: str, ready: str) -> None:
    """What --signal=B:USR1@120 does two minutes before the end; SLURM itself would send it up to 30
    s late.
    """
    while not list((box.folder / name).glob(ready)):
        expect(
            time.monotonic() - box.start_time < PATIENCE,
            f"{name} did not start: {box.states(name)} {box.text(name, 'log.txt')}",
        )
        time.sleep(0.02)
    run(["scancel", "--signal=USR1", "--batch", box.ids[name]])
    box.say(f"{name}: USR1 sent to the batch script")


def check_ranks(box: Box) -> None:
    box.wait("cpu-node", "COMPLETED")
    box.wait("nodes", "COMPLETED")
    one, many = box.result("cpu-node"), box.result("nodes")
    expect(
        list(one["provenance"]["hosts"].values()) == [2],
        f"cpu-node ran on {one['provenance']['hosts']}, not with 2 ranks on one host",
    )
    expect(
        many["provenance"]["hosts"] == {"n1": 1, "n2": 1},
        f"nodes ran on {many['provenance']['hosts']}",
    )
    expect(
        one["metrics"] == many["metrics"],
        "two ranks on one node and on two nodes give different metrics",
    )
    for file in ("environment.txt", "attempts.txt", "job.json"):
        expect((box.folder / "nodes" / file).exists(), f"nodes/{file} is missing")
    expect(
        "SLURM_JOB_ID=" in box.text("nodes", "environment.txt"), "the environment was not captured"
    )
    for rank, host in ((0, "n1"), (1, "n2")):
        expect(
            f"bind: rank {rank} on {host} (local 0 of 1)" in box.text("nodes", "log.txt"),
            f"no binding of rank {rank} in {box.text('nodes', 'log.txt')}",
        )
    box.say("two nodes: a rank on n1 and one on n2, the same metrics as on one node")


def check_array(box: Box) -> None:
    box.wait("array", "COMPLETED")
    seeds = [box.result("array", f"result-{i}.json")["config"]["seed"] for i in range(3)]
    expect(seeds == [0, 1, 2], f"the array trained with the seeds {seeds}")
    losses = {box.result("array", f"result-{i}.json")["metrics"]["loss"][-1] for i in range(3)}
    expect(len(losses) == 3, "two seeds gave the same loss")
    box.say("array: three results with the seeds 0, 1, 2")


def check_gpu(box: Box) -> None:
    box.wait("gpu-node", "COMPLETED")
    for rank in (0, 1):
        expect(
            f"(local {rank} of 2)" in box.text("gpu-node", "log.txt")
            and f"GPU {rank} of 2" in box.text("gpu-node", "log.txt"),
            f"rank {rank} has not GPU {rank} of 2: {box.text('gpu-node', 'log.txt')}",
        )
    box.say("gpu-node: rank 0 saw GPU 0 alone, rank 1 saw GPU 1 (devices that are none)")
    if "profile-ncu" in box.ids:
        box.wait("profile-ncu", "FAILED")
        expect(
            "there is no ncu" in box.text("profile-ncu", "log.txt"),
            box.text("profile-ncu", "log.txt"),
        )
        box.say("profile-ncu: there is no ncu here, the job said so and failed, as it should")


def check_requeue(box: Box) -> None:
    box.wait("requeue", "COMPLETED")
    result = box.result("requeue")
    expect(
        result["rounds"] == list(range(1, 21)),
        f"a round was lost or done twice: {result['rounds']}",
    )
    expect(result["resumed_after"] == 5, f"resumed after round {result['resumed_after']}, not 5")
    attempts = box.text("requeue", "attempts.txt")
    for words in ("restart 0", "USR1 or TERM arrived", "ended 75", "restart 1", "ended 0"):
        expect(words in attempts, f'no "{words}" in {attempts}')
    expect(
        box.text("requeue", "log.txt").count("bind: rank 0") == 2,
        "the log of the first start was not kept",
    )
    box.say("requeue: exit 75 after round 5, requeued, resumed, twenty rounds done once each")


def check_continued(box: Box) -> None:
    """The program itself: interrupted, requeued, resumed, and the same bits as a run that nothing
    interrupted.
    """
    if "continued" not in box.ids:
        box.say("continued: not tested, this program has no checkpoints")
        return
    box.wait("continued", "COMPLETED")
    attempts = box.text("continued", "attempts.txt")
    expect(
        "ended 75" in attempts and "ended 0" in attempts,
        f"not ended with 75 and then 0: {attempts} {box.text('continued', 'log.txt')}",
    )
    whole = box.folder / "whole.h5"
    run([box.program, "train", "--data", box.folder / "big.h5", "--rounds", "120", "--out", whole])
    expect(
        json.loads(whole.with_suffix(".json").read_text())["metrics"]
        == box.result("continued")["metrics"],
        "the continued run ended with other metrics",
    )
    box.say(
        "continued: exit 75, requeued, resumed, the same metrics as a run that was not interrupted"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", type=Path)
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fedfuse_slurm_") as folder:
        box = Box(Path(folder), given.program.resolve())
        box.start()
        try:
            submit_study(box)
            submit_all(box)
            if "continued" in box.ids:
                send_signal(box, "continued", "*.ckpt*.h5")
            send_signal(box, "requeue", "result.ready")
            for check in (
                check_ranks,
                check_array,
                check_gpu,
                check_study,
                check_requeue,
                check_continued,
            ):
                check(box)
            box.say("all as it should be")
            return 0
        except Failed as failure:
            print(f"FAILED: {failure}", file=sys.stderr)
            print(box.text("box/log", "*.log")[-3000:], file=sys.stderr)
            return 1
        finally:
            box.stop()
            if given.log:
                given.log.write_text("\n".join(box.events) + "\n")


if __name__ == "__main__":
    sys.exit(main())
