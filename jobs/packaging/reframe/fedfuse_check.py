"""ReFrame: workloads of the suite. A check passes when its line says VALID; its metric is the
figure of merit.

FEDFUSE_PREFIX=/path/of/the/installation reframe -C YOUR_SITE.py -r \\
    -c jobs/packaging/reframe/fedfuse_check.py [-S size=A] [-n 'FedfuseSuite.*linear']

suite.py starts the ranks itself: FEDFUSE_LAUNCHER names another launcher than
"mpirun -n {ranks}", such as "srun -n {ranks}".
"""

import os
from pathlib import Path

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.backends import getlauncher

VALID = r"^FOM \S+ [0-9.]+ \S+ VALID ranks="
FIGURE = r"^FOM \S+ ([0-9.]+) \S+ VALID ranks="


@rfm.simple_test
class FedfuseSuite(rfm.RunOnlyRegressionTest):
    descr = "a workload of the suite of federated recommendation"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    workload = parameter(["linear", "mlp", "distil", "prior", "collectives", "io"])  # noqa: F821
    ranks = variable(int, value=2)  # noqa: F821  (ReFrame's names)
    size = variable(str, value="S")  # noqa: F821
    num_cpus_per_task = 1

    @run_before("run")  # noqa: F821
    def name_the_program(self):
        prefix = os.environ.get("FEDFUSE_PREFIX")
        self.executable = (
            str(Path(prefix) / "share" / "fedfuse" / "jobs" / "suite.py") if prefix else "suite.py"
        )
        self.executable_opts = [self.workload, "--class", self.size, "--ranks", str(self.ranks)]
        self.executable_opts += ["--oversubscribe", "--out", "suite", "--cache", "data"]
        self.num_tasks = self.ranks

    @run_before("run")  # noqa: F821
    def start_it_once(self):
        self.job.launcher = getlauncher("local")()

    @sanity_function  # noqa: F821
    def is_valid(self):
        return sn.assert_found(VALID, self.stdout)

    @performance_function("figure of merit")  # noqa: F821
    def figure(self):
        return sn.extractsingle(FIGURE, self.stdout, 1, float)
