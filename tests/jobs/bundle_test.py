#!/usr/bin/env python3
"""jobs/bundle.sh BUILD: its archive starts in a root of glibc and bash alone.

BUILD is whatever build is at hand, since one for the archive alone takes minutes; the script and
the layout are those of the real one.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tool import ROOT

BUILD = Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build/release"
PROGRAM = "tests/kernels/aggregate"  # it reads golden values
NEEDED = ["ompi_info", "orterun", "readelf", "strip", "tar", "xz", "ldd"]
OF_GLIBC = r"(ld-linux[^/]*|lib(c|m|mvec|pthread|dl|rt|util|resolv|anl))\.so\.[0-9]+"


def why_not() -> str:
    """Why the archive cannot be made and tried here."""
    absent = [tool for tool in NEEDED if shutil.which(tool) is None]
    if absent:
        return f"there is no {absent[0]}"
    plugins = subprocess.run(
        ["ompi_info", "--parsable", "--path", "pkglibdir"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if not Path(plugins.rpartition(":")[2], "mca_pml_ob1.so").exists():
        return "the archive holds the plugins of Open MPI 4, which is not here"
    if os.geteuid() != 0:
        return "only root may change its root folder"
    return ""


def glibc_files() -> list[Path]:
    """Bash's own libraries and the parts of glibc that stand beside its libc."""
    said = subprocess.run(
        ["ldd", shutil.which("bash")], capture_output=True, text=True, check=True
    ).stdout
    mine = [Path(path) for path in re.findall(r"(/\S+) \(0x", said)]
    libc = next(path for path in mine if path.name.startswith("libc.so"))
    return mine + [path for path in libc.parent.iterdir() if re.fullmatch(OF_GLIBC, path.name)]


class Bundle(unittest.TestCase):
    """One archive for all tests."""

    @classmethod
    def setUpClass(cls):
        if reason := why_not():
            raise unittest.SkipTest(reason)
        cls.place = tempfile.TemporaryDirectory(prefix="fedfuse_bundle_")
        cls.addClassCleanup(cls.place.cleanup)
        cls.archive = Path(cls.place.name, "fedfuse.tar.xz")
        cls.root = Path(cls.place.name, "root")
        cls.pack(str(cls.archive), PROGRAM)
        cls.bare_root()
        subprocess.run(["tar", "-xf", cls.archive, "-C", cls.root], check=True)

    @classmethod
    def pack(cls, *words, code=0, **environment):
        done = subprocess.run(
            [ROOT / "jobs/bundle.sh", *words],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"FEDFUSE_BUILD": str(BUILD), "XZ_OPT": "-0"} | environment,
        )
        if done.returncode != code:
            raise AssertionError(done.stdout + done.stderr)
        print(done.stdout, end="")
        return done.stdout + done.stderr

    @classmethod
    def bare_root(cls):
        """glibc, bash, and the devices that every machine has."""
        for folder in ("bin", "dev/shm", "tmp"):
            (cls.root / folder).mkdir(parents=True)
        shutil.copy(shutil.which("bash"), cls.root / "bin/bash")
        (cls.root / "usr").mkdir()
        (cls.root / "usr/bin").symlink_to("/bin")
        # scripts begin with `env bash`, and env is one of coreutils
        (cls.root / "bin/env").write_text('#!/bin/bash\nexec "$@"\n')
        (cls.root / "bin/env").chmod(0o755)
        for path in glibc_files():
            to = cls.root / str(path).lstrip("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
        try:
            for name, minor in (("null", 3), ("zero", 5), ("urandom", 9)):
                os.mknod(cls.root / "dev" / name, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            (cls.root / "dev/null").read_bytes()
        except PermissionError:
            raise unittest.SkipTest("no device files can be made and opened here") from None

    def inside(self, line, code=0):
        done = subprocess.run(
            ["/bin/bash", "-c", line],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={"PATH": "/bin", "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: (os.chroot(self.root), os.chdir("/")),
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_a_root_of_bash_and_glibc_trains_over_two_ranks(self):
        self.assertIn("fedfuse 0", self.inside("/fedfuse/run fedfuse --version"))
        self.inside("/fedfuse/run fedfuse generate --users 60 --items 60 --seed 0 --out /tmp/d.h5")
        train = "fedfuse train --data /tmp/d.h5 --backbone fcf --fusion gfmfr --teacher-epochs 1"
        train += " --dim 8 --rounds 2 --seed 0"
        said = self.inside(f"/fedfuse/run mpirun -n 2 {train} --out /tmp/two.h5")
        self.assertIn("2 ranks", self.inside("/fedfuse/run fedfuse info /tmp/two.h5") + said)
        self.inside(f"cd /tmp; /fedfuse/run {train} --device emulated --out one.h5")
        for name in ("two", "one"):
            self.assertTrue((self.root / f"tmp/{name}.h5").exists())

    def test_a_kernel_test_passes_there(self):
        said = self.inside(f"/fedfuse/run /fedfuse/build/release/{PROGRAM}_test")
        self.assertIn("PASSED", said)
        self.assertNotIn("FAILED", said)

    def test_without_a_driver_it_says_so(self):
        line = "fedfuse train --data /tmp/none.h5 --device cuda --out /tmp/none.h5"
        said = self.inside(f"/fedfuse/run {line}", code=2)
        self.assertIn("why:", said)

    def test_its_page_says_what_it_needs(self):
        page = (self.root / "fedfuse/README.txt").read_text().splitlines()
        self.assertRegex(page[1], r"^GLIBC 2\.[0-9]+$")
        self.assertIn("fedfuse 0", page[3])

    def test_nothing_of_glibc_and_no_driver_is_packed(self):
        names = [path.name for path in (self.root / "fedfuse/lib").iterdir()]
        self.assertIn("libmpi.so.40", names)
        self.assertFalse([n for n in names if re.fullmatch(OF_GLIBC, n)])
        self.assertFalse([n for n in names if re.match(r"libcu(da|blas)\.so|libnccl", n)])

    def test_what_it_refuses(self):
        out = Path(self.place.name, "refused.tar.xz")
        for words, environment, why in (
            (["tests/kernels/nothing"], {}, "no tests/kernels/nothing_test in"),
            ([PROGRAM], {"FEDFUSE_BUNDLE_MIB": "1"}, "it may have 1 MiB"),
            ([PROGRAM], {"FEDFUSE_BUNDLE_MIB": "x"}, "is no whole number"),
            ([PROGRAM], {"FEDFUSE_BUILD": "/nowhere"}, "no program in /nowhere"),
        ):
            said = self.pack(str(out), *words, code=2, **environment)
            self.assertIn(why, said)
            self.assertRegex(said, r"(?s)fedfuse: error: .*\n  why: .*\n  do:  ")
            self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
