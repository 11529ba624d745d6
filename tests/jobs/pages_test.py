#!/usr/bin/env python3
"""The commands that the pages show with mpirun work when they are pasted: with no variable set but
PATH and HOME, as root too, with more ranks than cores; and the settings of MPI have one source.

  FEDFUSE_PROGRAM=... [FEDFUSE_COLLECTIVES=...] pages_test.py
"""

from __future__ import annotations

import os
import re
import subprocess
import unittest
from pathlib import Path

from tool import ROOT, ToolTest

from records.mpi_environment import mpi_environment

SOURCE = ROOT / "jobs" / "lib" / "mpi_environment.sh"
LAUNCH = re.compile(r"(^|[\s`])mpirun -n \d")
BLOCK = re.compile(r"^```sh\n(.*?)^```$|((?:^    [^\n]*\n)+)", re.M | re.S)
INLINE = re.compile(r"`((?:\. jobs/lib/\S+ && )?mpirun -n [^`]*)`")
# what a page shows at full size, as a test can run it
SMALL = (
    (r"--users \d+", "--users 60"),
    (r"--items \d+", "--items 60 --dim-text 8 --dim-image 8"),
    (r"--rounds \d+", "--rounds 2 --dim 8"),
    (r"--checkpoint-every \d+", "--checkpoint-every 1"),
    (r"--eval-clients \d+", "--eval-clients 20"),
    (r"(bench_collectives\b)", r"\1 --max-bytes 4096 --repeats 1"),
)


def pages() -> list[Path]:
    found = [page for page in ROOT.rglob("*.md") if "build" not in page.relative_to(ROOT).parts]
    return sorted(page for page in found if LAUNCH.search(page.read_text()))


def commands_of(page: Path) -> list[str]:
    """Blocks of shell lines, and single commands inside text, that start mpirun."""
    text = page.read_text()
    blocks = [fenced or indented for fenced, indented in BLOCK.findall(text)]
    inside = INLINE.findall(BLOCK.sub("", text))
    return [command for command in [*blocks, *inside] if LAUNCH.search(command)]


def small(command: str) -> str:
    for pattern, shorter in SMALL:
        command = re.sub(pattern, shorter, command)
    more_than_cores = (os.cpu_count() or 1) + 1
    return re.sub(r"mpirun -n \d+", f"mpirun -n {more_than_cores}", command)


class Pages(ToolTest):
    """In a copy of what a checkout has after the build."""

    def setUp(self) -> None:
        super().setUp()
        if "FEDFUSE_PROGRAM" not in os.environ:
            self.skipTest("FEDFUSE_PROGRAM names no program")
        program = Path(os.environ["FEDFUSE_PROGRAM"])
        built = self.folder / "build" / "release"
        (built / "bench").mkdir(parents=True)
        (built / "fedfuse").symlink_to(program)
        if "FEDFUSE_COLLECTIVES" in os.environ:
            name = "bench/bench_collectives"
            (built / name).symlink_to(Path(os.environ["FEDFUSE_COLLECTIVES"]))
        for name in ("jobs", "bench"):
            (self.folder / name).symlink_to(ROOT / name)
        self.path = f"{built}:{os.environ['PATH']}"
        self.write_what_is_imported()

    def write_what_is_imported(self) -> None:
        try:
            import numpy as np
        except ImportError:
            self.skipTest("no numpy (python3-numpy)")
        rows = [f"{u},{(u * 7 + t * 11) % 120},{t}" for u in range(40) for t in range(6)]
        self.write("inter.csv", "user,item,timestamp\n" + "\n".join(rows) + "\n")
        features = np.random.default_rng(0).normal(size=(120, 8)).astype(np.float32)
        for name in ("text", "image"):
            np.save(self.folder / f"{name}.npy", features)

    def paste(self, command: str, **variables: str) -> None:
        environment = {"PATH": self.path, "HOME": str(self.folder), **variables}
        done = subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")

    def make_its_input(self, command: str) -> None:
        for made in [*self.folder.glob("*.h5"), *self.folder.glob("*.json")]:
            made.unlink()
        if "mine.h5" in command and "--out mine.h5" not in command:
            sizes = "--users 60 --items 60 --dim-text 8 --dim-image 8"
            self.paste(f"fedfuse generate {sizes} --out mine.h5")

    def test_every_command_works_as_pasted(self) -> None:
        ran = 0
        for page in pages():
            for command in commands_of(page):
                if "bench_collectives" in command and "FEDFUSE_COLLECTIVES" not in os.environ:
                    continue
                with self.subTest(page=str(page.relative_to(ROOT)), command=command):
                    self.make_its_input(command)
                    self.paste(small(command))
                    ran += 1
        self.assertGreaterEqual(ran, 3)

    def test_the_python_of_the_root_page_works(self) -> None:
        page = (ROOT / "README.md").read_text()
        (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
        python = re.search(r"`(\S*python3)`", page)[1]
        if subprocess.run(
            [python, "-c", "import h5py"], capture_output=True, check=False
        ).returncode:
            self.skipTest(f"{python} has no h5py (python3-h5py)")
        self.make_its_input("mine.h5")
        (self.folder / "out" / "quickstart").mkdir(parents=True)
        line = "fedfuse train --data mine.h5 --fusion mlp --rounds 2 --dim 8 --out"
        self.paste(f". jobs/lib/mpi_environment.sh; {line} out/quickstart/mlp.h5")
        self.write("block.py", block)
        self.paste(f"{python} block.py")

    def test_bare_machines_will_do(self) -> None:
        run = "mpirun -n 3 fedfuse generate --users 60 --items 60 --out x.h5 --overwrite"
        settings = ". jobs/lib/mpi_environment.sh"
        folder = self.folder / "a b"
        folder.mkdir()
        for line in (
            f"unset HOME; {settings}; {run}",
            f"{settings}; {run}",
            f"sh -c '{settings} && {run}'",
        ):
            with self.subTest(line):
                self.paste(line, TMPDIR=str(folder), LC_ALL="tr_TR.UTF-8")

    def test_without_the_settings_a_paste_would_fail(self) -> None:
        """The pages' first line is needed: where this fails, it can go."""
        if os.geteuid() != 0:
            self.skipTest("only root is refused by mpirun")
        with self.assertRaises(AssertionError):
            self.paste("mpirun -n 1 true")


class OneSource(ToolTest):
    def settings(self, **variables: str) -> dict[str, str]:
        before = {"PATH": os.environ["PATH"], **variables}
        line = ["sh", "-c", '. "$0"; env -0', str(SOURCE)]
        said = subprocess.run(line, env=before, capture_output=True, text=True, check=True).stdout
        pairs = dict(entry.split("=", 1) for entry in said.split("\0") if entry)
        return {k: v for k, v in pairs.items() if k.startswith(("OMP", "PRTE", "HOME"))}

    def test_what_the_caller_has_set_stays(self) -> None:
        for name in self.settings():
            for value in ("of the caller", ""):
                self.assertEqual(self.settings(**{name: value})[name], value, name)

    def test_an_interface_that_is_excluded_is_not_met_by_an_included_one(self) -> None:
        for kind in ("btl", "oob"):
            found = self.settings(**{f"OMPI_MCA_{kind}_tcp_if_exclude": "docker0"})
            self.assertNotIn(f"OMPI_MCA_{kind}_tcp_if_include", found)

    def test_python_has_the_same(self) -> None:
        found = mpi_environment(FEDFUSE_A_DEFAULT="given")
        for name, value in self.settings().items():
            self.assertEqual(found[name], os.environ.get(name, value))
        self.assertEqual(found["FEDFUSE_A_DEFAULT"], "given")

    def test_ctest_has_the_same(self) -> None:
        include = ROOT / "tests" / "support" / "mpi_environment.cmake"
        shown = 'execute_process(COMMAND env -0 OUTPUT_FILE "found")'
        script = self.write("show.cmake", f'include("{include}")\n{shown}\n')
        given = {"PATH": os.environ["PATH"], "OMPI_MCA_smsc": "cma", "OMP_WAIT_POLICY": "active"}
        line = [os.environ.get("FEDFUSE_CMAKE", "cmake"), "-P", script]
        subprocess.run(line, env=given, cwd=self.folder, check=True)
        entries = (self.folder / "found").read_text().split("\0")
        found = dict(entry.split("=", 1) for entry in entries if entry)
        wanted = self.settings(OMPI_MCA_smsc="cma", OMP_WAIT_POLICY="active")
        self.assertEqual({name: found.get(name) for name in wanted}, wanted)

    def test_nobody_else_sets_them(self) -> None:
        """A launcher with a table of its own would drift from the others."""
        kinds = (".sh", ".sbatch", ".py", ".json", ".txt", ".cmake", ".cpp")
        own = set(self.settings()) - {"HOME"}
        for folder in ("jobs", "bench", "tests", "src/app"):
            for path in (ROOT / folder).rglob("*"):
                if path in (SOURCE, Path(__file__).resolve()) or path.suffix not in kinds:
                    continue
                text = path.read_text()
                found = [n for n in own if re.search(rf"\b{n}\b[\"']?\s*[=:]", text)]
                self.assertEqual(found, [], str(path.relative_to(ROOT)))


if __name__ == "__main__":
    unittest.main()
