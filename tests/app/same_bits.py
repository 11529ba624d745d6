#!/usr/bin/env python3
"""Do two builds of fedfuse give the same bits? Trains a list of small configurations with both and
compares the results.

  tests/app/same_bits.py BEFORE AFTER [--only WORD] [--ranks N] [--after-too OPTIONS]

BEFORE and AFTER are two programs, for example of two commits. Every backbone is combined with every
fusion; further configurations cover the options that choose another path of the code. Compared is
what same_result.py names: all but times, memory and what belongs to one start of the program. Where
AFTER has a new default, --after-too gives it the old one (--after-too="--item-update mean"); then
the options themselves are not compared. Exit code 1: a result differs, or only one program ran.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from same_result import differences

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
from records.mpi_environment import mpi_environment

BACKBONES = ("fedavg", "fcf", "fedncf", "pfedrec", "fedrap")
FUSIONS = ("none", "mlp", "gfmfr", "fedvlr", "fedvlr+gfmfr", "mlp+gfmfr")
SMALL = {
    "--rounds": "3",
    "--dim": "16",
    "--lr-items": "0.2",
    "--groups": "3",
    "--group-dim": "16",
    "--teacher-epochs": "2",
    "--seed": "3",
    "--threads": "2",
}
# The memory that the program plans may change from version to version; no result depends on it.
PLANS = {"facts/device_needed_bytes", "facts/device_high_water_bytes"}
OTHERS = (
    "--backbone fcf --fusion gfmfr --cluster kmeans",
    "--backbone fcf --fusion gfmfr --group-by random",
    "--backbone fcf --fusion gfmfr --group-by behaviour",
    "--backbone fcf --fusion gfmfr --group-by labels --groups 5",
    "--backbone fcf --fusion gfmfr --groups-min 2 --groups-max 4 --groups-by silhouette",
    "--backbone fcf --fusion gfmfr --teacher-batches pairs --teacher-optimizer sgd",
    "--backbone fcf --fusion gfmfr --distill-on negatives --distill-schedule cosine "
    "--distill-balance",
    "--backbone fcf --fusion gfmfr --uploads replay",
    "--backbone fcf --fusion gfmfr --uploads store",
    "--backbone fcf --fusion gfmfr --fraction 0.5 --regroup-every 2",
    "--backbone fedrap --fusion gfmfr --weight-decay 0.001 --personal-init-std 0.01",
    "--backbone fedncf --fusion fedvlr --head neumf --server-optimizer sgd",
    "--backbone fcf --fusion fedvlr --views gate sum",
    "--backbone fcf --fusion mlp --head-sharing never --head mlp",
    "--backbone fedrap --fusion none --item-update mean --lr-items 20 --weight-decay 0.001",
    "--backbone fcf --fusion mlp+gfmfr --item-update mean --lr-items 20",
    "--backbone fedavg --fusion none --lr-decay 0.8 --lr-items-decay 0.9 --lr-items-server 2",
    "--backbone fcf --fusion none --negatives own-all --cold-items exclude",
    "--backbone fcf --fusion none --negatives trained-items --candidates sampled:99",
    "--backbone pfedrec --fusion gfmfr --device emulated",
    "--backbone fedncf --fusion fedvlr+gfmfr --device emulated --client-state host",
    "--backbone fcf --fusion mlp --device emulated --client-state device",
)


def configurations() -> list[list[str]]:
    crossed = [["--backbone", b, "--fusion", f] for b in BACKBONES for f in FUSIONS]
    return crossed + [line.split() for line in OTHERS]


def train(program: str, data: Path, out: Path, options: list[str], ranks: int) -> tuple[int, str]:
    launcher = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
    line = [*launcher, program, "train", "--data", str(data), "--out", str(out), *options]
    line += [word for name, value in SMALL.items() if name not in options for word in (name, value)]
    environment = mpi_environment()
    done = subprocess.run(line, capture_output=True, text=True, env=environment, check=False)
    return done.returncode, done.stderr.strip()


def compare(
    programs: list[str],
    data: list[Path],
    folder: Path,
    options: list[str],
    ranks: int,
    after_too: list[str],
) -> str:
    files = [folder / "before.h5", folder / "after.h5"]
    each = zip(programs, data, files, ([], after_too), strict=True)
    codes = [train(program, d, out, options + more, ranks) for program, d, out, more in each]
    if codes[0][0] != codes[1][0]:
        return f"exit codes {codes[0][0]} and {codes[1][0]}: {codes[0][1]} | {codes[1][1]}"
    if codes[0][0] != 0:
        return f"neither runs: {codes[0][1]}"
    found = [name for name in differences(str(files[1]), str(files[0])) if name not in PLANS]
    if after_too:
        found = [name for name in found if name != "identity.config" and not name.startswith("--")]
    for file in folder.glob("*.*"):
        file.unlink()
    return ", ".join(found)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--only", default="", help="configurations that contain this text")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--after-too", default="", help="options that AFTER alone gets")
    given = parser.parse_args()
    after_too = given.after_too.split()
    bad = 0
    with tempfile.TemporaryDirectory() as top:
        data = [Path(top) / name for name in ("before.h5", "after.h5")]
        make = "generate --users 60 --items 120 --latent 8 --seed 1 --out"
        # each program makes its own: the format may have changed between them
        for program, file in zip((given.before, given.after), data, strict=True):
            line = [program, *make.split(), str(file)]
            subprocess.run(line, check=True, capture_output=True)
        folder = Path(top) / "runs"
        folder.mkdir()
        for options in configurations():
            name = " ".join(options)
            if given.only not in name:
                continue
            programs = [given.before, given.after]
            found = compare(programs, data, folder, options, given.ranks, after_too)
            bad += bool(found)
            print(
                f"{'DIFFERS' if found else 'same   '}  {name}{': ' + found if found else ''}",
                flush=True,
            )
    print(f"{bad} of the configurations differ" if bad else "all configurations give the same bits")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
