"""ReFrame: a small training run that must be valid; its metric is client-rounds/s.

FEDFUSE_PREFIX=/path/of/the/installation reframe -C YOUR_SITE.py -r \\
    -c jobs/packaging/reframe/fedfuse_check.py
"""

import os
from pathlib import Path

import reframe as rfm
import reframe.utility.sanity as sn


@rfm.simple_test
class FedfuseTrain(rfm.RunOnlyRegressionTest):
    descr = "fcf on planted data"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    ranks = parameter([1, 2])  # noqa: F821  (ReFrame's name)
    num_cpus_per_task = 1
    executable_opts = [
        "train",
        "--data",
        "data.h5",
        "--rounds",
        "10",
        "--seed",
        "0",
        "--out",
        "run.h5",
    ]

    @run_before("run")  # noqa: F821
    def name_the_program(self):
        prefix = os.environ.get("FEDFUSE_PREFIX")
        self.executable = str(Path(prefix) / "bin" / "fedfuse") if prefix else "fedfuse"
        self.num_tasks = self.ranks
        self.env_vars = {"OMP_NUM_THREADS": "1"}
        self.prerun_cmds = [
            f"{self.executable} generate --users 2000 --items 500 --seed 0 --out data.h5"
        ]

    @sanity_function  # noqa: F821
    def ends_with_a_result(self):
        return sn.assert_found(r"result in run\.h5", self.stdout)

    @performance_function("1/s")  # noqa: F821
    def client_rounds(self):
        return sn.extractsingle(r"(\S+) client-rounds/s in training", self.stdout, 1, float)
