"""Reading what the suite writes: results (HDF5 or their JSON twins), Google Benchmark JSON, scaling
tables, collectives.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from records.errors import Refusal

# The version of each format that these tools read.
SCHEMAS = {
    "fedfuse-result": 1,
    "fedfuse-scaling": 1,
    "fedfuse-collectives": 1,
    "fedfuse-model": 1,
    "fedfuse-privacy": 1,
    "fedfuse-suite": 2,
    "fedfuse-suite-reference": 1,
    "fedfuse-peers": 1,
    "fedfuse-claims": 1,
}
TABLES = ("metrics", "time", "traffic", "groups", "baselines")


def kind_of(path: Path) -> str:
    """result, benchmark, scaling, collectives or suite."""
    if not path.is_file():
        raise Refusal(
            f"{path} cannot be read",
            "no such file" if not path.exists() else "it is not a file",
            "check the name",
        )
    if path.suffix in (".h5", ".hdf5"):
        return "result"
    document = read_json(path)
    kind = _kind_of_document(document)
    if not kind:
        raise Refusal(
            f"{path} is none of our records",
            "it is JSON, but no result, benchmark, scaling table, collectives or suite",
            "give a file of fedfuse train, bench_kernels --benchmark_out_format=json, "
            "jobs/scaling.py --collect, bench_collectives or jobs/suite.py",
        )
    check_schema(document, path)
    return kind


def check_schema(document: dict[str, Any], path: Path) -> None:
    """Refuse a record of another version. Tables written by hand may name none."""
    known = SCHEMAS.get(str(document.get("format")))
    version = document.get("schema_version", known)
    if version != known:
        raise Refusal(
            f"{path} has schema version {version}",
            f"these tools read version {known} of {document['format']}",
            "use the tools of the fedfuse that wrote it, or make it again",
        )


def _kind_of_document(document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    if "benchmarks" in document and "context" in document:
        return "benchmark"
    return {
        "fedfuse-result": "result",
        "fedfuse-scaling": "scaling",
        "fedfuse-collectives": "collectives",
        "fedfuse-suite": "suite",
    }.get(str(document.get("format")), "")


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise Refusal(
            f"{path} cannot be read",
            error.strerror or str(error),
            "check the name and the permissions",
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Refusal(
            f"{path} is not JSON", str(error), "give a file that the suite wrote whole"
        ) from error


def read_result(path: Path) -> dict[str, Any]:
    """Read either file into one form. Tables are lists, with None for a number that is absent."""
    run = _read_hdf5(path) if path.suffix in (".h5", ".hdf5") else read_json(path)
    lacks = [
        name
        for name in ("schema_version", "status", "config", "provenance", "facts", *TABLES)
        if name not in run
    ]
    if lacks:
        raise Refusal(
            f"{path} is not a result of fedfuse train",
            f"it has no {', '.join(lacks)}",
            "give a result file, or its JSON twin",
        )
    check_schema(run, path)
    return run


def twin_of(path: Path) -> Path:
    """The JSON twin of a result: of the ending only .h5 or .hdf5 is cut, as fedfuse does."""
    stem = path.stem if path.suffix in (".h5", ".hdf5") else path.name
    return path.with_name(f"{stem}.json")


def _read_hdf5(path: Path) -> dict[str, Any]:
    try:
        import h5py
    except ImportError as error:
        twin = twin_of(path)
        if twin.exists():
            return read_json(twin)
        raise Refusal(
            f"{path} cannot be read",
            "this Python has no h5py, and the file has no JSON twin",
            "apt-get install python3-h5py, or give the twin",
        ) from error
    try:
        with h5py.File(path) as file:
            if _text(file.attrs.get("format", "")) != "fedfuse-result":
                raise Refusal(
                    f"{path} is not a result of fedfuse train",
                    "its attribute format says otherwise",
                    "give a result file",
                )
            run: dict[str, Any] = {
                name: _text(file.attrs.get(name, ""))
                for name in ("format", "status", "status_text")
            }
            run |= {
                name: int(file.attrs[name])
                for name in ("schema_version", "best_round", "model_round")
                if name in file.attrs
            }
            run |= {
                name: json.loads(_text(file.attrs[name]))
                for name in ("config", "identity", "provenance", "notes")
                if name in file.attrs
            }
            run["data"] = {"name": _text(file.attrs.get("data_name", ""))} | {
                name: int(file.attrs[name])
                for name in ("clients", "items", "train_interactions")
                if name in file.attrs
            }
            for table in TABLES:
                columns = file.get(table, {})
                run[table] = {
                    name: _numbers(columns[name][()]) for name in columns if columns[name].ndim == 1
                }
            facts = file.get("facts", {})
            run["facts"] = {name: float(facts[name][0]) for name in facts}
            return run
    except (OSError, LookupError, ValueError, TypeError, RuntimeError) as error:
        raise Refusal(
            f"{path} cannot be read", str(error), "give a whole HDF5 result file"
        ) from error


def chosen_row(run: dict[str, Any]) -> int | None:
    """Return the row of metrics to quote: that of the best round; else that of the stored model.

    Without a validation item no round is the best, and the model is that of the last one. None: the
    run has no such row.
    """
    number = run.get("best_round") or run.get("model_round") or 0
    return number - 1 if 0 < number <= len(run["metrics"].get("round", [])) else None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _numbers(values: Any) -> list[float | None]:
    return [None if isinstance(v, float) and math.isnan(v) else v for v in values.tolist()]


def results_in(folder: Path) -> list[Path]:
    """Every result under a folder once: the HDF5 file, or its twin when the HDF5 file is absent."""
    twins = {path.with_suffix("") for path in folder.rglob("*.h5")}
    files = list(folder.rglob("*.h5"))
    files += [
        path
        for path in folder.rglob("*.json")
        if path.with_suffix("") not in twins and _is_twin(path)
    ]
    return sorted(files)


def _is_twin(path: Path) -> bool:
    try:
        return _kind_of_document(json.loads(path.read_text())) == "result"
    except (OSError, ValueError):
        return False
