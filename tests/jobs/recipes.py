"""Recipes of other tools, run over stand-ins for their directives, and what they said."""

from __future__ import annotations

import contextlib
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tool import ROOT

PACKAGING = ROOT / "jobs" / "packaging"
RAMBLE = PACKAGING / "ramble/applications/fedfuse/application.py"
BENCHPARK = PACKAGING / "benchpark/experiments/fedfuse/experiment.py"
REFRAME = PACKAGING / "reframe/fedfuse_check.py"


class Calls(list[tuple[str, tuple[Any, ...], dict[str, Any]]]):
    """Every call of a directive: its name, words and settings."""

    def directive(self, name: str) -> Any:
        return lambda *words, **settings: self.append((name, words, settings))

    def of(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(words, settings) for one, words, settings in self if one == name]


@contextlib.contextmanager
def modules(**contents: dict[str, Any]) -> Iterator[None]:
    """Inside, modules of these names (a__b is a.b) exist."""
    made = {}
    for name, values in contents.items():
        parts = name.split("__")
        for end in range(1, len(parts) + 1):
            full = ".".join(parts[:end])
            made.setdefault(full, types.ModuleType(full))
        vars(made[".".join(parts)]).update(values)
    before = {name: sys.modules[name] for name in made if name in sys.modules}
    sys.modules.update(made)
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]
        sys.modules.update(before)


def run(file: Path, **more: Any) -> dict[str, Any]:
    recipe = {"__file__": str(file), "__name__": "recipe", **more}
    exec(compile(file.read_text(), str(file), "exec"), recipe)
    return recipe


def ramble() -> Calls:
    calls = Calls()
    names = ("tags", "executable", "workload", "workload_variable", "figure_of_merit")
    names += ("figure_of_merit_context", "success_criteria")
    kit = {name: calls.directive(name) for name in names}
    with modules(ramble__appkit=kit | {"ExecutableApplication": object}):
        run(RAMBLE)
    return calls


def benchpark(chosen: dict[str, str], flags: set[str]) -> tuple[Calls, Calls]:
    """Directives of the class, and what its sections said for these variants."""
    calls, said = Calls(), Calls()
    scaled = {"n_nodes": [1, 2, 4]}
    names = ("add_experiment_variable", "set_required_variables", "add_package_spec")

    class Experiment:
        name = "fedfuse"
        spec = types.SimpleNamespace(
            satisfies=lambda word: word in flags,
            variants={name: [value] for name, value in chosen.items()},
        )

        def generate_strong_scaling_params(self, *_: Any) -> Any:
            return scaled

        generate_weak_scaling_params = generate_strong_scaling_params

    for name in names:
        setattr(Experiment, name, staticmethod(said.directive(name)))
    mixins = {name: type(name, (), {}) for name in ("StrongScaling", "WeakScaling")}
    with modules(
        benchpark__directives={"variant": calls.directive("variant")},
        benchpark__experiment={"Experiment": Experiment},
        benchpark__mpi={"MpiOnlyExperiment": type("MpiOnlyExperiment", (), {})},
        benchpark__scaling=mixins,
    ):
        experiment = run(BENCHPARK)["Fedfuse"]()
        experiment.compute_applications_section()
        experiment.compute_package_section()
    return calls, said


def reframe(output: str) -> tuple[bool, float]:
    """Does the check of ReFrame pass on this output, and which figure does it find?"""

    def extractsingle(pattern: str, text: str, tag: int, convert: Any) -> Any:
        return convert(re.search(pattern, text, re.M)[tag])

    def with_argument(*_: Any, **__: Any) -> Any:
        return lambda function: function

    sanity = {
        "assert_found": lambda pattern, text: bool(re.search(pattern, text, re.M)),
        "extractsingle": extractsingle,
    }
    with modules(
        reframe={"simple_test": lambda one: one, "RunOnlyRegressionTest": object},
        reframe__utility__sanity=sanity,
        reframe__core__backends={"getlauncher": lambda name: lambda: name},
    ):
        sys.modules["reframe"].utility = sys.modules["reframe.utility"]
        sys.modules["reframe.utility"].sanity = sys.modules["reframe.utility.sanity"]
        recipe = run(
            REFRAME,
            parameter=lambda values: values[0],
            variable=lambda _, value: value,
            run_before=with_argument,
            sanity_function=lambda function: function,
            performance_function=with_argument,
        )
        check = recipe["FedfuseSuite"]()
        check.job = types.SimpleNamespace()
        check.stdout = output
        check.name_the_program()
        check.start_it_once()
        return check.is_valid(), check.figure() if check.is_valid() else 0.0
