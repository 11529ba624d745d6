# SPDX-License-Identifier: Apache-2.0
"""Benchpark: workloads of the suite, at one size, or over growing numbers of nodes."""

from benchpark.directives import variant
from benchpark.experiment import Experiment
from benchpark.mpi import MpiOnlyExperiment
from benchpark.scaling import StrongScaling, WeakScaling


class Fedfuse(Experiment, MpiOnlyExperiment, StrongScaling, WeakScaling):
    variant(
        "workload",
        default="linear",
        values=(
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
        ),
        multi=True,
        description="workloads of jobs/suite.py",
    )
    variant(
        "class", default="W", values=("S", "W", "A", "B", "C"), description="size of the workload"
    )
    variant("version", default="main", description="version of the Spack package")

    def compute_applications_section(self):
        nodes = {"n_nodes": 1}
        if self.spec.satisfies("+strong"):
            nodes = self._grow(self.generate_strong_scaling_params)
        elif self.spec.satisfies("+weak"):
            nodes = self._grow(self.generate_weak_scaling_params, nodes)
            self.add_experiment_variable("suite_options", "--weak", False)
        for name, value in nodes.items():
            self.add_experiment_variable(name, value, True)
        self.add_experiment_variable("n_ranks", "{sys_cores_per_node} * {n_nodes}", True)
        self.add_experiment_variable("suite_class", self.spec.variants["class"][0], True)
        self.set_required_variables(
            n_resources="{n_ranks}",
            process_problem_size="{suite_class}",
            total_problem_size="{suite_class}",
        )

    def _grow(self, scaling, *more):
        """More nodes from experiment to experiment; the suite fixes the size itself."""
        names = {("n_nodes",): [1]}
        factor, steps = (
            int(self.spec.variants[name][0]) for name in ("scaling-factor", "scaling-iterations")
        )
        return scaling(names, *([{}] * len(more)), factor, steps)

    def compute_package_section(self):
        version = self.spec.variants["version"][0]
        self.add_package_spec(self.name, [f"fedfuse@{version} +benchmarks"])
