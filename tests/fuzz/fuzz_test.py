"""Runs the program on damaged files and odd options, and looks at how it ends.

    fuzz_test.py --program build/asan-ubsan/fedfuse --files 2000 --options 300 --seed 1

Every case is drawn from the seed and its own name: `--only files-17` repeats one, and --keep FOLDER
leaves its files there. A case is good when

* the exit code is 0 or 2;
* a refusal says what, why and what to do, and speaks of no internal error;
* a refusal leaves no output and no `.partial` behind;
* the run takes at most 20 s, and holds at most 1 GiB more than `fedfuse --version` does.

A sanitizer's finding ends the program with 99. Exits with 77 where Python has no h5py."""

from __future__ import annotations

import argparse
import gzip
import os
import shlex
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

try:
    import byte_mutations
    import h5py  # noqa: F401  # hdf5_mutations needs it
    import hdf5_mutations
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import guarded_run
import odd_options

TRAIN = shlex.split(
    "--dim 8 --rounds 2 --groups 2 --group-dim 8 --teacher-epochs 1 --threads 1 "
    "--checkpoint-every 1"
)
DATA = shlex.split(
    "--users 30 --items 60 --latent 4 --topics 3 --groups 2 --dim-text 6 --dim-image 5"
)
COLUMNS = ["--columns", "user,item,timestamp"]
MODELS = {
    "plain": "--backbone fcf --fusion none",
    "personal": "--backbone fedrap --fusion fedvlr+gfmfr --personal-init-std 0.01",
    "private": "--backbone pfedrec --fusion gfmfr",
}


@dataclass(frozen=True)
class Case:
    name: str
    words: list[str]
    damage: str
    outputs: tuple[str, ...]  # that a refusal must not leave


class Inputs:
    """Good files, made once by the program itself."""

    def __init__(self, program: str, folder: Path) -> None:
        self.folder = folder

        def make(*words: str) -> None:
            guarded_run.make(program, list(words), folder)

        make("generate", *DATA, "--out", "d.h5")
        for name, options in MODELS.items():
            make("train", "--data", "d.h5", "--out", f"{name}.h5", *TRAIN, *options.split())
        rows = [f"u{k % 20},{k * 7 % 50},{k % 5},{1000 + k}" for k in range(300)]
        (folder / "in.csv").write_text("\n".join(["user,item,rating,timestamp", *rows, ""]))
        (folder / "ids.csv").write_text("\n".join(["itemId", *map(str, range(50)), ""]))
        bare = "".join(f"u{k % 20};{k * 7 % 50};2020-09-{1 + k % 30:02}\n" for k in range(300))
        (folder / "bare.csv").write_text(bare)
        (folder / "bare.csv.gz").write_bytes(gzip.compress(bare.encode(), mtime=0))
        np.save(folder / "text.npy", np.arange(300, dtype=np.float32).reshape(50, 6))
        text = guarded_run.make(program, ["train", "--dump-config"], folder)
        (folder / "c.toml").write_text(text)

    def checkpoint(self, model: str) -> str:
        return max(path.name for path in self.folder.glob(f"{model}.ckpt.*.h5"))


def file_case(name: str, random: Random, inputs: Inputs, folder: Path) -> Case:
    """Copies what a command needs into the folder, damages one file, and gives the command."""
    model = random.choice(sorted(MODELS))
    checkpoint = inputs.checkpoint(model)
    train = ["train", "--data", "d.h5", "--out", "o.h5", *TRAIN, *MODELS[model].split()]
    kinds = {
        "dataset": ("d.h5", [["info", "d.h5"], train,
                             ["evaluate", "--model", f"{model}.h5", "--data", "d.h5"]]),
        "result": (f"{model}.h5", [["info", f"{model}.h5"], ["table", f"{model}.h5", "plain.h5"],
                                   ["evaluate", "--model", f"{model}.h5", "--data", "d.h5"]]),
        "checkpoint": (checkpoint, [["info", checkpoint], resumed(train, model)]),
        "csv": ("in.csv", [["import", "--inter", "in.csv", "--out", "o.h5"]]),
        "bare": ("bare.csv", [["import", "--inter", "bare.csv", *COLUMNS, "--out", "o.h5"]]),
        "gzip": ("bare.csv.gz", [["import", "--inter", "bare.csv.gz", *COLUMNS, "--out", "o.h5"]]),
        "ids": ("ids.csv", [["import", "--inter", "in.csv", "--text", "text.npy", "--item-ids",
                             "ids.csv", "--out", "o.h5"]]),
        "npy": ("text.npy", [["import", "--inter", "in.csv", "--text", "text.npy", "--out",
                              "o.h5"]]),
        "toml": ("c.toml", [["train", "--config", "c.toml", "--dump-config"]]),
    }  # fmt: skip
    weights = {
        "dataset": 5, "result": 6, "checkpoint": 4, "csv": 3, "bare": 2, "gzip": 1, "ids": 1,
        "npy": 3, "toml": 3,
    }  # fmt: skip
    kind = random.choices(list(weights), list(weights.values()))[0]
    victim, commands = kinds[kind]
    for path in inputs.folder.iterdir():
        if path.name == victim or not path.match("*.ckpt.*") or kind == "checkpoint":
            shutil.copy(path, folder)
    damage = damaged(random, folder / victim, kind)
    words = random.choice(commands)
    resumes = "--resume" in words
    return Case(name, words, f"{victim}: {damage}", () if resumes else ("o.h5", "o.h5.partial"))


def resumed(train: list[str], model: str) -> list[str]:
    words = [f"{model}.h5" if word == "o.h5" else word for word in train]
    words[words.index("--rounds") + 1] = "3"
    return [*words, "--resume", "--overwrite"]


def damaged(random: Random, path: Path, kind: str) -> str:
    if kind in ("dataset", "result", "checkpoint") and random.random() < 0.6:
        return hdf5_mutations.mutate_hdf5(random, path)
    if kind in ("csv", "ids", "bare") and random.random() < 0.7:
        return byte_mutations.mutate_text(random, path, ";" if kind == "bare" else ",")
    if kind == "toml" and random.random() < 0.7:
        return byte_mutations.mutate_text(random, path, " =")
    return byte_mutations.mutate_bytes(random, path)


def option_case(
    name: str,
    random: Random,
    inputs: Inputs,
    folder: Path,
    options: dict[str, list[odd_options.Option]],
) -> Case:
    command = random.choices(sorted(options), [1, 1, 6])[0]  # evaluate, generate, train
    files = {
        "evaluate": ["--model", "plain.h5", "--data", "d.h5", "--out", "o.json"],
        "generate": ["--out", "o.h5"],
        "train": ["--data", "d.h5", "--out", "o.h5"],
    }
    for path in ("d.h5", "plain.h5"):
        shutil.copy(inputs.folder / path, folder)
    drawn = odd_options.option_set(random, command, options[command])
    outputs = ("o.h5", "o.h5.partial", "o.json", "o.json.partial")
    return Case(name, [command, *files[command], *drawn], f"options of {command}", outputs)


def complaints(
    case: Case, done: guarded_run.Outcome, folder: Path, limits: guarded_run.Limits, base: int
) -> list[str]:
    found = []
    if done.code not in (0, 2):
        found.append(f"exit code {done.code}")
    if done.seconds > limits.seconds:
        found.append(f"{done.seconds:.1f} s")
    if done.peak_bytes > base + limits.growth_bytes:
        found.append(f"{done.peak_bytes >> 20} MiB")
    said = done.stdout + done.stderr
    if "internal error" in said.lower():
        found.append("speaks of an internal error")
    if done.code == 2:
        if not all(part in done.stderr for part in ("error: ", "\n  why: ", "\n  do:  ")):
            found.append("does not say what, why and what to do")
        found += [f"leaves {name}" for name in case.outputs if (folder / name).exists()]
    return found


class Fuzzing:
    def __init__(self, given: argparse.Namespace, top: Path) -> None:
        self.given, self.top, self.limits = given, top, guarded_run.Limits()
        (top / "good").mkdir()
        self.inputs = Inputs(given.program, top / "good")
        self.options = {
            command: odd_options.options_of(given.program, command) for command in odd_options.SMALL
        }
        self.base = guarded_run.run(
            given.program, ["--version"], top, self.limits, 1 << 30
        ).peak_bytes

    def names(self) -> list[str]:
        names = [f"files-{k}" for k in range(self.given.files)]
        names += [f"options-{k}" for k in range(self.given.options)]
        return [n for n in names if n == self.given.only] if self.given.only else names

    def attempt(self, name: str) -> tuple[str, int, list[str]]:
        """What was damaged, the exit code, and what is wrong."""
        random = Random(f"{self.given.seed}/{name}")
        folder = self.top / name
        folder.mkdir()
        if name.startswith("files"):
            case = file_case(name, random, self.inputs, folder)
        else:
            case = option_case(name, random, self.inputs, folder, self.options)
        done = guarded_run.run(self.given.program, case.words, folder, self.limits, self.base)
        found = complaints(case, done, folder, self.limits, self.base)
        if found:
            line = " ".join(word or "''" for word in case.words)
            found.append(f"{case.damage}: fedfuse {line[:600]}\n    {done.stderr.strip()[:1500]}")
        if self.given.keep and (found or self.given.only):
            shutil.copytree(folder, Path(self.given.keep) / name, dirs_exist_ok=True)
        shutil.rmtree(folder)
        return case.damage, done.code, found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", required=True, type=lambda text: str(Path(text).resolve()))
    number = {"type": int, "metavar": "N"}
    parser.add_argument("--files", default=os.environ.get("FEDFUSE_FUZZ_FILES", "100"), **number)
    parser.add_argument("--options", default=os.environ.get("FEDFUSE_FUZZ_OPTIONS", "30"), **number)
    parser.add_argument("--seed", default=os.environ.get("FEDFUSE_FUZZ_SEED", "1"))
    parser.add_argument("--only", default="", metavar="NAME", help="one case, as files-17")
    parser.add_argument("--keep", default="", metavar="FOLDER", help="for the files of bad cases")
    parser.add_argument("--jobs", default=2, **number)
    return parser.parse_args()


def main() -> int:
    given = arguments()
    codes: Counter[tuple[str, int]] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="fedfuse-fuzz-") as top:
        fuzzing = Fuzzing(given, Path(top))
        names = fuzzing.names()
        print(f"seed {given.seed}: {len(names)} cases, {given.program}", flush=True)
        with ThreadPoolExecutor(given.jobs) as pool:
            results = pool.map(fuzzing.attempt, names)
            for name, (damage, code, found) in zip(names, results):
                codes[(damage.split(":")[-1].strip(), code)] += 1
                bad += bool(found)
                if found:
                    print(f"{name}: " + "; ".join(found), flush=True)
    for (damage, code), count in sorted(codes.items()):
        print(f"{count:5d}  exit code {code}  {damage}")
    print(f"{bad} of {len(names)} cases end badly (seed {given.seed})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
