#!/usr/bin/env python3
"""jobs/setup.sh and jobs/quickstart.sh in a folder with a space, with stand-ins for the tools."""

import re
import shlex
import shutil
import unittest

from job_case import JobTest
from tool import ROOT

LOGS = '#!/usr/bin/env bash\necho "$(basename "$0") $*" >>"$STAND_IN_LOG"\n'
# configures nothing, and "builds" a program that writes what --out names
CMAKE = (
    LOGS
    + """case $1 in
  --version) echo 'cmake version 3.25.1' ;;
  --build) printf '#!/usr/bin/env bash\\n. "$BODY"\\n' >"$2/fedfuse" && chmod +x "$2/fedfuse" ;;
  --preset) mkdir -p build/release && exit "${CMAKE_CODE:-0}" ;;
esac
"""
)
PROGRAM = """echo "fedfuse $*" >>"$STAND_IN_LOG"
while [ $# -gt 0 ]; do [ "$1" != --out ] || echo made >"$2"; shift; done
"""


class Setup(JobTest):
    def setUp(self) -> None:
        super().setUp()
        self.root = self.folder / "a b" / "fedfuse"
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "jobs", self.root / "jobs", ignore=ignored)
        self.stand_in(self.root / "bench" / "plot.py", "")
        # finds every header
        self.stand_in(self.tools / "g++", "#!/usr/bin/env bash\ncat >/dev/null\n")
        self.stand_in(self.tools / "apt-get", LOGS + "exit 100\n")
        self.stand_in(self.tools / "cmake", CMAKE)
        body = self.write("body.sh", PROGRAM)
        self.stand_in(self.tools / "mpirun", '#!/usr/bin/env bash\nshift 2\nexec "$@"\n')
        self.environment |= {"BODY": str(body)}
        self.environment.pop("CI", None)

    def script(self, name, *words, code=0, shell="bash", **variables):
        return self.run_line(shell, self.root / "jobs" / name, *words, code=code, **variables)

    def called(self):
        log = self.folder / "stand_in.log"
        return log.read_text() if log.exists() else ""

    def lacks_packages(self, user):
        self.stand_in(self.tools / "g++", "#!/usr/bin/env bash\ncat >/dev/null\nexit 1\n")
        self.stand_in(self.tools / "id", f"#!/usr/bin/env bash\necho {user}\n")

    def test_a_user_whom_sudo_refuses_is_not_sent_to_the_network(self):
        self.lacks_packages(1000)
        refusal = "#!/usr/bin/env bash\necho 'sudo: a password is required' >&2\nexit 1\n"
        self.stand_in(self.tools / "sudo", refusal)
        said = self.script("setup.sh", code=2)
        self.assertIn("fedfuse: error: cannot install packages", said)
        self.assertIn("sudo refuses: sudo: a password is required", said)
        self.assertIn("as root: apt-get install", said)
        self.assertNotIn("network", said)
        self.assertNotIn("apt-get", self.called())

    def test_a_failed_download_is_told_as_one(self):
        self.lacks_packages(0)
        self.assertIn("check the network and the package sources", self.script("setup.sh", code=2))
        self.assertIn("apt-get install", self.called())

    def test_advice_can_be_pasted(self):
        said = self.script("setup.sh", code=2, CMAKE_CODE="1")
        advice = re.search(r"(rm -r .*) starts afresh", said)[1]
        self.assertEqual(shlex.split(advice), ["rm", "-r", str(self.root / "build/release")])

    def test_a_build_folder_keeps_its_generator(self):
        build = self.root / "build/release"
        build.mkdir(parents=True)
        (build / "CMakeCache.txt").write_text("CMAKE_GENERATOR:INTERNAL=Unix Makefiles\n")
        self.script("setup.sh")
        self.assertIn("-G Unix Makefiles", self.called())

    def test_temporary_files_need_a_folder(self):
        said = self.script("setup.sh", code=2, TMPDIR=str(self.folder / "absent"))
        self.assertIn(f"no temporary file can be made in {self.folder}/absent", said)

    def test_the_number_of_processes_can_be_given(self):
        self.script("setup.sh", CMAKE_BUILD_PARALLEL_LEVEL="07")
        self.assertIn("--parallel 7", self.called())
        said = self.script("setup.sh", code=2, CMAKE_BUILD_PARALLEL_LEVEL="all")
        self.assertIn("CMAKE_BUILD_PARALLEL_LEVEL=all", said)

    def test_any_shell_and_bare_environments_will_do(self):
        for name in ("HOME", "LANG", "TERM", "USER"):
            self.environment.pop(name, None)
        for shell in ("sh", "bash"):
            self.assertIn("building", self.script("setup.sh", shell=shell, LC_ALL="tr_TR.UTF-8"))

    def test_a_finished_quickstart_is_not_repeated(self):
        first = self.script("quickstart.sh", shell="sh")
        self.assertEqual(self.called().count("fedfuse train"), 6, first)
        second = self.script("quickstart.sh")
        self.assertIn("were finished before", second)
        self.assertEqual(self.called().count("fedfuse train"), 6)
        self.assertEqual(self.called().count("fedfuse table"), 2)

    def test_the_quickstart_ends_with_a_figure_of_merit(self):
        line = "FOM linear.S 1 client-rounds/s VALID ranks=2 threads=1 device=cpu"
        suite = f"import sys\nprint('a table', *sys.argv[1:4])\nprint('{line}')\n"
        (self.root / "jobs/suite.py").write_text(suite)
        self.assertIn(f"{line}\n", self.script("quickstart.sh"))
        told = (self.root / "out/quickstart/suite.txt").read_text()
        self.assertEqual(told.splitlines()[0], "a table --class S linear")
        (self.root / "jobs/suite.py").write_text(suite + "sys.exit(1)\n")
        (self.root / "out/quickstart/finished.txt").unlink()
        said = self.script("quickstart.sh")
        self.assertIn("the suite failed: see out/quickstart/suite.txt", said)

    def test_an_unfinished_or_older_quickstart_is_repeated(self):
        self.script("quickstart.sh")
        (self.root / "out/quickstart/mlp.h5").unlink()
        self.assertNotIn("were finished before", self.script("quickstart.sh"))
        self.stand_in(self.tools / "cmake", CMAKE.replace(". ", "#new\\n. "))
        self.assertNotIn("were finished before", self.script("quickstart.sh"))
        self.assertEqual(self.called().count("fedfuse train"), 18)


if __name__ == "__main__":
    unittest.main()
