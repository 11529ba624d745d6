"""A test of jobs on a local system, with stand-ins for a machine's tools first on the path."""

import os
import subprocess
import sys

from tool import ROOT, ToolTest

LOCAL = {
    "name": "here",
    "scheduler": "local",
    "launcher": "env FEDFUSE_LAUNCHED=yes",
    "cores_per_node": 8,
    "gpus_per_node": 4,
}
RUNS_WHAT_FOLLOWS = """#!/usr/bin/env bash
echo "$(basename "$0") $*" >>"$STAND_IN_LOG"
while [ $# -gt 0 ] && ! [ -x "$1" ]; do shift; done
exec "$@"
"""


class JobTest(ToolTest):
    def setUp(self) -> None:
        super().setUp()
        self.tools = self.folder / "tools"
        self.tools.mkdir()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OMPI_COMM", "SLURM_", "CUDA_VISIBLE"))
        }
        self.environment |= {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "STAND_IN_LOG": str(self.folder / "stand_in.log"),
        }

    def stand_in(self, path, text="#!/usr/bin/env bash\nexit 0\n"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def program(self):
        """Says what it was given, and where it may run."""
        return self.stand_in(
            self.folder / "program",
            '#!/usr/bin/env bash\necho "program $* gpu=${CUDA_VISIBLE_DEVICES-none} '
            'threads=${OMP_NUM_THREADS-none}"\n'
            "awk '/^Cpus_allowed_list:/ {print \"cores=\" $2}' /proc/self/status\n",
        )

    def run_line(self, *line, code=0, **variables):
        done = subprocess.run(
            [str(word) for word in line],
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment | variables,
            check=False,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def submit(self, *words, code=0):
        system = self.write("system.json", LOCAL)
        return self.run_line(
            sys.executable,
            ROOT / "jobs/submit.py",
            "--system",
            system,
            "--program",
            self.program(),
            "--folder",
            self.folder / "job",
            *words,
            code=code,
        )

    def log(self, name="job/log.txt"):
        return (self.folder / name).read_text()
