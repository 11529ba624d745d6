# SPDX-License-Identifier: Apache-2.0
"""Ramble: a workload of the suite is an experiment; it succeeds when its line says VALID.

suite.py starts the ranks itself, by FEDFUSE_LAUNCHER ("mpirun -n {ranks}" where it is not set).
"""

from ramble.appkit import *

WORKLOADS = (
    "kernels",
    "collectives",
    "linear",
    "mlp",
    "router",
    "distil",
    "prior",
    "all",
    "rank",
    "io",
)
# FOM linear.S 84900 client-rounds/s VALID ranks=2 threads=1 device=cpu
LINE = (
    r"^FOM (?P<row>\S+) (?P<fom>[0-9.]+) (?P<unit>\S+) (?P<verdict>\w+) "
    r"ranks=(?P<ranks>\d+) threads=(?P<threads>\d+) device=(?P<device>\w+)"
)
SCORE = r"^SCORE \S+ (?P<score>[0-9.]+) workloads=\d+/\d+ reference=.+"
VALID = r"^FOM \S+ [0-9.]+ \S+ VALID "
LOG = "{experiment_run_dir}/{experiment_name}.out"


class Fedfuse(ExecutableApplication):
    """Benchmark suite of federated multimodal recommendation."""

    name = "fedfuse"

    tags("mpi", "recommendation", "federated-learning")

    executable(
        "suite",
        "suite.py {suite_workload} --class {suite_class} --nodes {n_nodes} --ranks {n_ranks}"
        " --threads {suite_threads} --device {suite_device} --overwrite"
        " --out {experiment_run_dir}/suite --cache {suite_cache} {suite_options}",
        use_mpi=False,
    )

    for one in WORKLOADS:
        workload(one, executables=["suite"])
        workload_variable(
            "suite_workload", default=one, description="workload of the suite", workloads=[one]
        )
    for variable, value, what in (
        ("suite_class", "W", "size: S W A B C"),
        ("suite_threads", "1", "threads of a rank"),
        ("suite_device", "cpu", "cpu or cuda"),
        ("suite_cache", "{workspace_root}/inputs/fedfuse", "folder of the data sets"),
        ("suite_options", "", "more options, such as --verify, --weak or --copies 4"),
    ):
        workload_variable(variable, default=value, description=what, workloads=list(WORKLOADS))

    figure_of_merit_context("row", regex=LINE, output_format="{row}")
    for what, group in (
        ("Figure of merit", "fom"),
        ("Unit", "unit"),
        ("Verdict", "verdict"),
        ("Device", "device"),
    ):
        figure_of_merit(
            what, fom_regex=LINE, group_name=group, units="", log_file=LOG, contexts=["row"]
        )
    figure_of_merit(
        "Score", fom_regex=SCORE, group_name="score", units="to reference", log_file=LOG
    )
    success_criteria("valid", mode="string", match=VALID, file=LOG)
