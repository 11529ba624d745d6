#!/usr/bin/env python3
"""The lines that the tools print without --submit do, in a shell, what --submit does."""

import json
import shlex
import sys
import unittest

from job_case import LOCAL, JobTest
from tool import ROOT

# A scheduler that accepts every job: it counts the ids, and writes down what it was asked.
SBATCH = """#!/usr/bin/env bash
number=$(($(cat "$STAND_IN_LOG.count" 2>/dev/null || echo 100) + 1))
echo "$number" >"$STAND_IN_LOG.count"
echo "$*" >>"$STAND_IN_LOG"
[ "$number" != "${REFUSED:-}" ] || exit 1
echo "$number;some-cluster"
"""
SQUEUE = """#!/usr/bin/env bash
[[ " ${QUEUED:-} " != *" ${2#--jobs=} "* ]] || echo PENDING
"""
CLUSTER = {
    "name": "cluster",
    "scheduler": "slurm",
    "launcher": "srun",
    "cores_per_node": 64,
    "sbatch": ["--comment=two words"],
}
STUDY = {
    "name": "tiny",
    "kind": "strong",
    "generate": {"users": 60},
    "train": {"rounds": 4},
    "points": [{"ranks": 1}, {"ranks": 2}],
    "repeats": 2,
}
WEAK = {**STUDY, "kind": "weak", "points": [{"ranks": 1}, {"ranks": 2}, {"ranks": 4}]}


class PrintedLines(JobTest):
    def setUp(self):
        super().setUp()
        self.stand_in(self.tools / "sbatch", SBATCH)
        self.stand_in(self.tools / "squeue", SQUEUE)

    def study(self, work, *words, study=STUDY, system=CLUSTER, **variables):
        return self.run_line(
            sys.executable,
            ROOT / "jobs/scaling.py",
            self.write("study.json", study),
            "--system",
            self.write("system.json", system),
            "--program",
            self.program(),
            "--work",
            work,
            *words,
            **variables,
        )

    def run_lines(self, text, **variables):
        """In a shell, as a person pastes them; the last line of the text is a message."""
        lines = [line for line in text.splitlines() if "written under" not in line]
        return self.run_line("bash", "-c", "\n".join(lines), **variables)

    def asked(self):
        """What the scheduler was asked, as sorted words, and forget it."""
        log = self.folder / "stand_in.log"
        asked = [sorted(line.split()) for line in log.read_text().splitlines()]
        for name in ("stand_in.log", "stand_in.log.count"):
            (self.folder / name).unlink()
        return asked

    def test_they_ask_for_the_same_as_submit(self):
        """Of one data set, of one for each number of ranks, in a folder with a blank."""
        for name, study in (("strong", STUDY), ("weak", WEAK), ("with blank", STUDY)):
            with self.subTest(name):
                work = self.folder / name
                printed = self.study(work, study=study)
                self.run_lines(printed)
                by_hand = self.asked()
                kept = {path: path.read_text() for path in work.rglob("submitted.txt")}
                self.study(work, "--submit", study=study)
                self.assertEqual(by_hand, self.asked())
                self.assertEqual(kept, {path: path.read_text() for path in kept})
                sets = len(study["points"]) if study["kind"] == "weak" else 1
                dependent = [job for job in by_hand if "--kill-on-invalid-dep=yes" in job]
                self.assertEqual(len(dependent), len(by_hand) - sets)
                self.assertIn("--dependency=afterok:101", by_hand[-len(study["points"])])

    def test_a_data_set_that_waits_already_is_waited_for(self):
        work = self.folder / "queued"
        self.run_lines(self.study(work).splitlines()[0])
        self.asked()
        printed = self.study(work, QUEUED="101")
        self.assertIn("1 job of this study in the queue", printed)
        self.run_lines("\n".join(line for line in printed.splitlines() if "sbatch" in line))
        self.assertEqual(
            {word for job in self.asked() for word in job if "--dependency" in word},
            {"--dependency=afterok:101"},
        )

    def test_without_a_data_set_no_run_is_submitted(self):
        printed = self.study(self.folder / "work")
        lines = [line for line in printed.splitlines() if "written under" not in line]
        said = self.run_line("bash", "-c", "\n".join(lines), REFUSED="101")
        self.assertIn("its data set was not submitted", said)
        self.assertEqual(len(self.asked()), 1)
        self.assertIn(
            "5 runs",
            self.study(
                self.folder / "work", study={**STUDY, "points": [{"ranks": 1}], "repeats": 5}
            ),
        )  # the empty submitted.txt is no job

    def test_own_data_need_no_job(self):
        data = self.write("own.h5", "")
        printed = self.study(self.folder / "work", "--data", data)
        self.run_lines(printed)
        self.assertFalse([job for job in self.asked() for word in job if "--dep" in word])

    def test_one_job(self):
        words = ["--system", self.write("system.json", CLUSTER), "--folder", self.folder / "a job"]
        job = [sys.executable, ROOT / "jobs/submit.py", *words]
        array = [*job, "--template", "array", "--seeds", "0-4"]
        for line in (job, array):
            self.run_lines(self.run_line(*line, "--", "train", "--data", "it's.h5"))
            by_hand = self.asked()
            self.run_line(*line, "--submit", "--", "train", "--data", "it's.h5")
            self.assertEqual(by_hand, self.asked())

    def test_a_local_system_runs_them_in_order(self):
        system = {**LOCAL, "launcher": "env"}
        work = self.folder / "local"
        printed = self.study(work, system=system)
        lines = [shlex.split(line)[1] for line in printed.splitlines() if line.startswith("bash")]
        self.assertEqual(["/data/" in line for line in lines], [True] + 4 * [False])
        self.run_lines(printed)
        logs = [path.read_text() for path in work.rglob("log.txt")]
        self.assertEqual(sum("program generate" in log for log in logs), 1)
        self.assertEqual(sum("program train" in log for log in logs), 4)
        job = json.loads((work / "runs/nodes-1_ranks-2_threads-1/repeat-1/job.json").read_text())
        self.assertEqual(job["after"], [])


if __name__ == "__main__":
    unittest.main()
