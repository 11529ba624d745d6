"""The command line of a recipe: from downloads to a folder, and on to `fedfuse import`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.recipes.counts import Counts, table
from lib.recipes.download import Digests, check_exists, digests
from lib.recipes.prepared import MARK, Prepared
from lib.whole_folder import check, whole_folder
from records import outputs
from records.arguments import Parser, whole
from records.errors import Refusal
from records.mpi_environment import mpi_environment
from records.program import default_program

HERE = Path(__file__).resolve().parents[2] / "data"


@dataclass(frozen=True)
class Input:
    """A file or folder that a person downloads; its option is --NAME."""

    name: str
    about: str
    needed: bool = True

    @property
    def option(self) -> str:
        """Its name among the parsed options."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Variant:
    """One set of a recipe, with the numbers that its publisher and the papers state."""

    published: Counts | None = None
    papers: dict[str, Counts] = field(default_factory=dict)
    md5: dict[str, str] = field(default_factory=dict)  # of an input, where it is a file
    min_user: int = 1
    min_item: int = 1


@dataclass(frozen=True)
class Recipe:
    name: str
    download: str  # what to download, where
    inputs: tuple[Input, ...]
    variants: dict[str, Variant]
    read: Callable[[dict[str, Path], Prepared], None]
    columns: tuple[str, ...] = ("rating", "timestamp")  # of inter.csv, after userId and itemId
    add_options: Callable[[Parser], Any] | None = None
    pictures: bool = False  # whether a download has pictures for encode.py


def parse(recipe: Recipe) -> argparse.Namespace:
    parser = Parser(description=recipe.download)
    if len(recipe.variants) > 1:
        parser.add_argument("--set", required=True, choices=list(recipe.variants))
    for one in recipe.inputs:
        parser.add_argument(f"--{one.name}", type=Path, required=one.needed, help=one.about)
    if recipe.add_options:
        recipe.add_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    for option in ("--min-user", "--min-item"):
        parser.add_argument(
            option, type=whole(1), help="fewest interactions (default: those of the papers, or 1)"
        )
    parser.add_argument(
        "--other-version", action="store_true", help="accept a file of another checksum"
    )
    parser.add_argument("--data", type=Path, help="run fedfuse import, and write this data set")
    parser.add_argument("--program", type=Path, default=default_program(), help="fedfuse")
    parser.add_argument("--overwrite", action="store_true", help="replace --out and --data")
    chosen = parser.parse_args()
    if not hasattr(chosen, "set"):
        chosen.set = next(iter(recipe.variants))
    return chosen


def need_numpy() -> None:
    if importlib.util.find_spec("numpy") is None:
        raise Refusal(
            "a recipe cannot start",
            f"{sys.executable} has no NumPy",
            "apt-get install python3-numpy, and start it with /usr/bin/python3",
        )


def run(recipe: Recipe) -> None:
    chosen = parse(recipe)
    need_numpy()
    variant = recipe.variants[chosen.set]
    chosen.min_user = chosen.min_user or variant.min_user
    chosen.min_item = chosen.min_item or variant.min_item
    files = {
        one.name: path for one in recipe.inputs if (path := getattr(chosen, one.option)) is not None
    }
    for path in files.values():
        check_exists(path, recipe.download)
    check(chosen.out, MARK, chosen.overwrite, files.values())
    if chosen.data:
        outputs.check(chosen.data, files.values())
    seen = {name: digests(path) for name, path in files.items() if path.is_file()}
    _check_sums(recipe, variant, files, seen, chosen.other_version)
    with whole_folder(chosen.out, MARK, chosen.overwrite) as folder:
        prepared = Prepared(folder, recipe.columns, chosen)
        try:
            recipe.read(files, prepared)
        finally:
            prepared.close()
        rows = _counts(recipe, variant, chosen, prepared)
        _describe(folder, recipe, chosen, files, seen, rows, prepared)
    print(table(rows))
    _warn(variant, dict(rows))
    for modality, has in prepared.matrices.items():
        print(f"{modality}.npy: {has:,} of {len(prepared.interactions.items):,} items have it")
    line = _import_line(chosen, chosen.out, sorted(prepared.matrices))
    if chosen.data:
        _import(chosen.program, line)
    else:
        _say_next(recipe, chosen, prepared, line)


def _check_sums(
    recipe: Recipe,
    variant: Variant,
    files: dict[str, Path],
    seen: dict[str, Digests],
    other_version: bool,
) -> None:
    for name, found in seen.items():
        print(f"{files[name]}: {found.size:,} bytes, SHA-256 {found.sha256}")
        wanted = variant.md5.get(name)
        if wanted is None:
            continue
        if wanted == found.md5:
            print(f"{files[name]}: its MD5 is the published one")
        elif not other_version:
            raise Refusal(
                f"{files[name]} is not the published file",
                f"its MD5 is {found.md5}, not {wanted}: it is truncated, or another file",
                f"{recipe.download.splitlines()[0]} --other-version takes it as it is",
            )


def _counts(
    recipe: Recipe, variant: Variant, chosen: argparse.Namespace, prepared: Prepared
) -> list[tuple[str, Counts]]:
    if not prepared.interactions.users:
        raise Refusal(
            f"{recipe.name} has no interactions", "no row was read", "check what was downloaded"
        )
    filtered = prepared.interactions.after_filter(chosen.min_user, chosen.min_item)
    if filtered.interactions == 0:
        raise Refusal(
            f"nothing of {recipe.name} is left",
            f"no users have {chosen.min_user} interactions with items that have {chosen.min_item}",
            "lower --min-user or --min-item",
        )
    rows = [("as read", prepared.interactions.as_read())]
    if variant.published:
        rows.append(("published with the set", variant.published))
    name = f"pairs once, min-user {chosen.min_user}, min-item {chosen.min_item}"
    return [*rows, (name, filtered), *variant.papers.items()]


def _warn(variant: Variant, rows: dict[str, Counts]) -> None:
    if variant.published and rows["as read"].differs(variant.published):
        print(
            "warning: the counts are not those published with the set: it is another version, or "
            "a part of it",
            file=sys.stderr,
        )


def _describe(
    folder: Path,
    recipe: Recipe,
    chosen: argparse.Namespace,
    files: dict[str, Path],
    seen: dict[str, Digests],
    rows: list[tuple[str, Counts]],
    prepared: Prepared,
) -> None:
    """Write recipe.json: no time and no folder is in it, so that the same input gives the same."""
    text = {
        "format": "fedfuse-recipe",
        "schema_version": 1,
        "recipe": recipe.name,
        "set": chosen.set,
        "min_user": chosen.min_user,
        "min_item": chosen.min_item,
        "inputs": {
            name: {"name": path.resolve().name}
            | (
                {"bytes": seen[name].size, "md5": seen[name].md5, "sha256": seen[name].sha256}
                if name in seen
                else {}
            )
            for name, path in files.items()
        },
        "counts": {name: vars(counts) for name, counts in rows},
        "items_with": prepared.matrices,
    }
    (folder / MARK).write_text(json.dumps(text, indent=1) + "\n")


def _import_line(chosen: argparse.Namespace, features: Path, modalities: list[str]) -> list[str]:
    """`fedfuse import` of the recipe's rows with the matrices of a folder."""
    line = ["import", "--inter", str(chosen.out / "inter.csv")]
    for modality in reversed(modalities):
        line += [f"--{modality}", str(features / f"{modality}.npy")]
    line += ["--item-ids", str(features / "item_ids.csv")] if modalities else []
    for option in ("min_user", "min_item"):
        if getattr(chosen, option) > 1:
            line += [f"--{option.replace('_', '-')}", str(getattr(chosen, option))]
    out = chosen.data or chosen.out.with_name(f"{chosen.out.name}.h5")
    return [*line, "--out", str(out), *["--overwrite"] * bool(chosen.data and chosen.overwrite)]


def _say_next(
    recipe: Recipe, chosen: argparse.Namespace, prepared: Prepared, line: list[str]
) -> None:
    print("next:")
    if prepared.encoded and "text" not in prepared.matrices:
        features = chosen.out.with_name(f"{chosen.out.name}-features")
        encode = [str(HERE / "encode.py"), "--items", str(chosen.out / "items.csv")]
        encode += ["--columns", ",".join(prepared.encoded), "--out", str(features)]
        pictures = " --pictures FOLDER" if recipe.pictures else " [--pictures FOLDER]"
        print(f"  PYTHON {shlex.join(encode)}{pictures}")
        modalities = ["image", "text"] if recipe.pictures else ["text"]
        print("  fedfuse", shlex.join(_import_line(chosen, features, modalities)))
    if prepared.matrices or not prepared.encoded:
        print("  fedfuse", shlex.join(line))


def _import(program: Path, line: list[str]) -> None:
    sys.stdout.flush()  # before what the program prints
    try:
        done = subprocess.run([str(program), *line], env=mpi_environment(), check=False)
    except OSError as error:
        raise Refusal(
            f"{program} cannot be started", error.strerror or str(error), "build it: jobs/setup.sh"
        ) from error
    if done.returncode != 0:
        raise Refusal(
            "the data set was not written",
            f"fedfuse import ended with {done.returncode}; its message is above",
            f"try it by hand: {shlex.join([str(program), *line])}",
        )
