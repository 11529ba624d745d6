#!/usr/bin/env python3
"""What jobs/bind.sh and the job scripts make of numbers and lists in the environment: empty words,
lists, leading zeros, words that are no number."""

import os
import unittest

from job_case import JobTest
from tool import ROOT

CORES = sorted(os.sched_getaffinity(0))


class Bind(JobTest):
    def setUp(self) -> None:
        super().setUp()
        for name in ("OMP_NUM_THREADS", "FEDFUSE_BIND", "FEDFUSE_RANKS_PER_NODE"):
            self.environment.pop(name, None)
        self.environment["SLURM_CPUS_ON_NODE"] = str(len(CORES))  # so that no core is hidden
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nprintf '0\\n1\\n'\n")

    def bind(self, code=0, **variables):
        return self.run_line(ROOT / "jobs/bind.sh", self.program(), code=code, **variables)

    def refused(self, name, value):
        said = self.bind(code=2, **{name: value})
        self.assertRegex(said, r"(?s)^fedfuse: error: .*\n  why: .*\n  do:  [^\n]*\n$")
        self.assertIn(name, said)
        self.assertNotIn("program", said)

    def test_an_empty_list_hides_every_gpu(self):
        for hidden in ("", " ", "-1", "NoDevFiles", "-1,0"):
            with self.subTest(hidden):
                said = self.bind(CUDA_VISIBLE_DEVICES=hidden)
                self.assertIn("GPU none", said)
                self.assertIn(f"gpu={hidden} ", said)
        self.assertIn("GPU 0 of 2", self.bind())

    def test_a_list_of_gpus_ends_where_cuda_ends_it(self):
        rank = {"OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"}
        for listed, device in (("4, 7", "7 of 2"), ("4,-1,7", "4 of 1"), ("GPU-a,MIG-b", "MIG-b")):
            with self.subTest(listed):
                self.assertIn(f"GPU {device}", self.bind(CUDA_VISIBLE_DEVICES=listed, **rank))

    def test_threads_are_the_first_number_of_a_list(self):
        for value, threads in (("2,1", 2), ("1,4,2", 1), (" 2 , 1", 2), ("3", 3)):
            with self.subTest(value):
                said = self.bind(OMP_NUM_THREADS=value)
                self.assertIn(f" {threads} threads", said)
                self.assertIn(f"threads={value}", said)  # the program reads the list itself

    def test_two_threads_of_a_list_get_two_cores(self):
        if len(CORES) < 2:
            self.skipTest("one core")
        said = self.bind(OMP_NUM_THREADS="2,1")
        self.assertIn(" (bound), 2 threads", said)
        self.assertRegex(said, rf"cores={CORES[0]}[-,]{CORES[1]}\b")

    def test_numbers_are_decimal(self):
        for value, threads in (("08", 8), ("010", 10), ("0009,2", 9)):
            with self.subTest(value):
                self.assertIn(f" {threads} threads", self.bind(OMP_NUM_THREADS=value))
        said = self.bind(OMPI_COMM_WORLD_LOCAL_RANK="09", OMPI_COMM_WORLD_LOCAL_SIZE="010")
        self.assertIn("(local 9 of 10)", said)

    def test_words_that_are_no_number_are_refused(self):
        for value in ("abc", "2,x", ",2", "1.5", "-2", "0", "2 1", "0x2", "99999999999", ","):
            with self.subTest(value):
                self.refused("OMP_NUM_THREADS", value)
        for name, value in (
            ("OMPI_COMM_WORLD_LOCAL_RANK", "one"),
            ("SLURM_PROCID", "-1"),
            ("FEDFUSE_RANKS_PER_NODE", "0"),
            ("FEDFUSE_RANKS_PER_NODE", "2(x2)"),
            ("SLURM_CPUS_ON_NODE", "8x"),
            ("FEDFUSE_BIND", "no"),
        ):
            with self.subTest(name):
                self.refused(name, value)

    def test_an_empty_word_is_none(self):
        said = self.bind(OMP_NUM_THREADS="", FEDFUSE_RANKS_PER_NODE="", SLURM_PROCID="")
        self.assertIn("bind: rank 0 ", said)
        self.assertIn(" 1 threads", said)


class Scripts(JobTest):
    def test_a_limit_that_is_no_number_ends_the_job_before_it_starts(self):
        self.submit("--template", "cpu-node", "--", "train", "--data", "d.h5")
        for name, value in (("FEDFUSE_MAX_REQUEUES", "many"), ("SLURM_RESTART_COUNT", "1e3")):
            said = self.run_line(
                *["bash", ROOT / "jobs/slurm/requeue.sbatch", self.folder / "job"],
                code=2,
                **{name: value},
            )
            self.assertIn(f"fedfuse: error: {name}={value}", said)
            self.assertNotIn("bind: ", said)

    def test_a_gpu_job_refuses_an_empty_list_of_gpus(self):
        self.stand_in(self.tools / "nvidia-smi")
        self.submit("--template", "gpu-node", "--gpus", "1", "--", "train", "--data", "d.h5")
        said = self.run_line(
            *["bash", ROOT / "jobs/slurm/gpu-node.sbatch", self.folder / "job"],
            code=2,
            CUDA_VISIBLE_DEVICES="",
        )
        self.assertIn("hides every GPU", said)


if __name__ == "__main__":
    unittest.main()
