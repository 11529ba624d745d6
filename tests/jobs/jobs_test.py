#!/usr/bin/env python3
"""What runs around the program in a job, without SLURM and without a GPU: job folders on a local system, jobs/bind.sh, the profilers' scripts
and jobs/gpu.sh, with stand-ins for nvidia-smi, ncu, nsys, mpirun and compute-sanitizer first on the path."""
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

from tool import ROOT, ToolTest

from lib import job_folder
from records.errors import Refusal

SCRIPTS = sorted(path for folder in ("jobs", "bench", "tests", ".ci") for path in (ROOT / folder).rglob("*") if path.suffix in (".sh", ".sbatch") or path.parent.name == ".ci")
LOCAL = {"name": "here", "scheduler": "local", "launcher": "env FEDFUSE_LAUNCHED=yes", "cores_per_node": 8, "gpus_per_node": 4}
RUNS_WHAT_FOLLOWS = '#!/usr/bin/env bash\necho "$(basename "$0") $*" >>"$STAND_IN_LOG"\nwhile [ $# -gt 0 ] && ! [ -x "$1" ]; do shift; done\nexec "$@"\n'


class JobTest(ToolTest):
    def setUp(self) -> None:
        super().setUp()
        self.tools = self.folder / "tools"
        self.tools.mkdir()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_COMM", "SLURM_", "CUDA_VISIBLE"))}
        self.environment |= {"PATH": f"{self.tools}:{os.environ['PATH']}", "STAND_IN_LOG": str(self.folder / "stand_in.log")}

    def stand_in(self, path, text="#!/usr/bin/env bash\nexit 0\n"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def program(self):
        """Says what it was given, and where it may run."""
        return self.stand_in(self.folder / "program", '#!/usr/bin/env bash\necho "program $* gpu=${CUDA_VISIBLE_DEVICES-none} threads=${OMP_NUM_THREADS-none}"\n'
                             "awk '/^Cpus_allowed_list:/ {print \"cores=\" $2}' /proc/self/status\n")

    def run_line(self, *line, code=0, **variables):
        done = subprocess.run([str(word) for word in line], capture_output=True, text=True, timeout=60, env=self.environment | variables)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def submit(self, *words, code=0):
        system = self.write("system.json", LOCAL)
        return self.run_line(sys.executable, ROOT / "jobs/submit.py", "--system", system, "--program", self.program(), "--folder", self.folder / "job", *words, code=code)

    def log(self, name="job/log.txt"):
        return (self.folder / name).read_text()


class Scripts(unittest.TestCase):
    def test_job_scripts_name_no_machine(self):
        for path in [*job_folder.TEMPLATES.glob("*.sbatch"), job_folder.TEMPLATES / "common.sh"]:
            lines = [line for line in path.read_text().splitlines() if line.startswith("#SBATCH") or not line.lstrip().startswith("#")]
            for word in ("--partition", "--account", "--constraint", "--nodelist", "--qos", "--gres", "module load", "srun ", "mpirun "):
                self.assertFalse([line for line in lines if word in line], f"{path.name} names {word}")

    def test_the_templates_are_those_that_are_promised(self):
        self.assertEqual(job_folder.templates(), ["array", "cpu-node", "gpu-node", "nodes", "profile-ncu", "profile-nsys", "requeue"])
        self.assertIn("#SBATCH --signal=B:USR1@120", (job_folder.TEMPLATES / "requeue.sbatch").read_text())

    def test_every_script_is_bash(self):
        for path in SCRIPTS:
            subprocess.run(["bash", "-n", path], check=True)

    @unittest.skipUnless(shutil.which("shellcheck"), "no shellcheck (Debian: shellcheck)")
    def test_shellcheck_has_nothing_to_say(self):
        done = subprocess.run(["shellcheck", *SCRIPTS], capture_output=True, text=True, cwd=ROOT)
        self.assertEqual(done.returncode, 0, done.stdout)


class LocalJobs(JobTest):
    def test_an_array_runs_seed_after_seed(self):
        said = self.submit("--template", "array", "--seeds", "0-4:2,9%2", "--", "train", "--data", "d.h5")
        self.assertEqual([line.split()[1] for line in said.splitlines()], [f"SLURM_ARRAY_TASK_ID={seed}" for seed in (0, 2, 4, 9)])
        self.submit("--template", "array", "--seeds", "0-1", "--submit", "--", "train", "--data", "d.h5")
        for seed in (0, 1):
            self.assertIn(f"program train --data d.h5 --overwrite --seed {seed} --out {self.folder}/job/result-{seed}.h5", self.log(f"job/log-{seed}.txt"))
            self.assertIn("ended 0", self.log(f"job/attempts-{seed}.txt"))

    def test_seeds_that_are_none_are_refused(self):
        for words in ("4-0", "a", "1,,2", "0-4:0", ""):
            with self.assertRaises(Refusal):
                job_folder.seed_list(words)

    def test_a_job_that_fails_here_ends_with_1(self):
        self.submit("--submit", "--", "info")
        (self.folder / "system.json").unlink()
        system = self.write("system.json", LOCAL)
        self.run_line(sys.executable, ROOT / "jobs/submit.py", "--system", system, "--program", "/bin/false", "--folder", self.folder / "bad", "--submit", "--", "info", code=1)
        self.run_line(sys.executable, ROOT / "jobs/submit.py", "--system", system, "--program", "/absent", "--folder", self.folder / "bad", "--submit", "--", "info", code=1)
        self.assertIn("there is no program /absent", self.log("bad/log.txt"))

    def test_a_folder_whose_job_is_queued_is_taken(self):
        self.stand_in(self.tools / "squeue", '#!/usr/bin/env bash\n[ "$2" = --jobs=17 ] && echo PENDING\n')
        self.write("job/submitted.txt", "17\n")
        self.assertIn("its job 17 is still in the queue", self.submit("--", "info", code=2))
        self.write("job/submitted.txt", "18\n")  # over, or forgotten
        self.submit("--", "info")

    def test_modules_setup_and_variables_of_the_system_reach_the_job(self):
        system = self.write("system.json", {**LOCAL, "modules": ["mpi/5", "hdf5"], "setup": ["module() { echo \"module $*\"; }"], "environment": {"OMP_PLACES": "a b"}})
        self.run_line(sys.executable, ROOT / "jobs/submit.py", "--system", system, "--folder", self.folder / "job", "--", "info")
        text = self.log("job/job.sh")
        for words in ("module load mpi/5 hdf5", "export OMP_PLACES='a b'", "launcher=(env FEDFUSE_LAUNCHED=yes)"):
            self.assertIn(words, text)


class Bind(JobTest):
    def bind(self, **variables):
        return self.run_line(ROOT / "jobs/bind.sh", self.program(), "a", "b", **variables)

    def test_every_rank_says_where_it_runs(self):
        cores = sorted(os.sched_getaffinity(0))
        said = self.bind(OMPI_COMM_WORLD_RANK="3", OMPI_COMM_WORLD_LOCAL_RANK="1", OMPI_COMM_WORLD_LOCAL_SIZE="2", CUDA_VISIBLE_DEVICES="4,7", OMP_NUM_THREADS="1")
        self.assertIn(f"bind: rank 3 on {os.uname().nodename} (local 1 of 2)", said)
        self.assertIn("1 threads, GPU 7 of 2", said)
        self.assertIn("program a b gpu=7 threads=1", said)
        if len(cores) == os.cpu_count() and len(cores) > 1:
            self.assertIn(f"cores {cores[1]} (bound)", said)
            self.assertIn(f"cores={cores[1]}\n", said)

    def test_ranks_that_do_not_fit_are_left_free_and_told_so(self):
        said = self.bind(OMPI_COMM_WORLD_LOCAL_RANK="0", OMPI_COMM_WORLD_LOCAL_SIZE="1000")
        if len(os.sched_getaffinity(0)) == os.cpu_count():
            self.assertRegex(said, r"not bound: 1000 ranks x 1 threads on \d+ cores, oversubscribed")
        self.assertIn("GPU none", said)

    def test_a_rank_beyond_those_that_are_known_of_is_left_free(self):
        self.assertIn("not bound: ", self.bind(SLURM_LOCALID="3"))

    def test_every_launcher_is_understood(self):
        for variables in ({"PALS_RANKID": "5", "PALS_LOCAL_RANKID": "1"}, {"PMI_RANK": "5", "MPI_LOCALRANKID": "1"}, {"SLURM_PROCID": "5", "SLURM_LOCALID": "1"},
                          {"FLUX_TASK_RANK": "5", "FLUX_TASK_LOCAL_ID": "1"}, {"OMPI_COMM_WORLD_RANK": "5", "OMPI_COMM_WORLD_LOCAL_RANK": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}):
            with self.subTest(variables):
                said = self.bind(CUDA_VISIBLE_DEVICES="0,1,2", FEDFUSE_RANKS_PER_NODE="2", **variables)
                self.assertRegex(said, r"bind: rank 5 on \S+ \(local 1 of 2\): .* GPU 1 of 3")

    def test_devices_are_asked_for_where_no_variable_names_them(self):
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nprintf '0\\n1\\n'\n")
        self.assertIn("gpu=1", self.bind(OMPI_COMM_WORLD_RANK="3", OMPI_COMM_WORLD_LOCAL_RANK="3"))
        self.assertIn("gpu=none", self.bind(OMPI_COMM_WORLD_RANK="3", OMPI_COMM_WORLD_LOCAL_RANK="3", FEDFUSE_BIND="off"))
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nexit 9\n")  # a driver that does not answer
        self.assertIn("gpu=none", self.bind())

    def test_without_a_program_it_says_how(self):
        self.assertIn("usage:", self.run_line(ROOT / "jobs/bind.sh", code=2))


class Profilers(JobTest):
    def test_they_run_every_rank_under_the_tool(self):
        for template, tool, words in (("profile-ncu", "ncu", "--set full --kernel-name regex:.* --launch-count 20"), ("profile-nsys", "nsys", "profile --trace=cuda,nvtx,mpi,osrt")):
            with self.subTest(template):
                self.stand_in(self.tools / tool, RUNS_WHAT_FOLLOWS)
                self.submit("--template", template, "--gpus", "1", "--submit", "--", "train", "--data", "d.h5", "--rounds", "2")
                called = self.log("stand_in.log").splitlines()[-1]
                self.assertTrue(called.startswith(f"{tool} {words}"), called)
                self.assertIn(f"{self.folder}/job/{tool}-%q{{FEDFUSE_RANK}} {self.folder}/program train --data d.h5 --rounds 2", called)  # the tool fills in the rank
                self.assertIn("program train --data d.h5 --rounds 2 --out", self.log())
                self.assertIn("ended 0", self.log("job/attempts.txt"))

    def test_without_the_tool_they_say_so(self):
        bare = self.folder / "bare"
        bare.mkdir()
        for tool in ("bash", "env", "date", "uname", "awk", "cat", "grep", "sort", "seq", "nproc", "dirname", "basename", "lscpu"):
            if shutil.which(tool):
                (bare / tool).symlink_to(shutil.which(tool))
        self.environment["PATH"] = str(bare)
        for template, tool in (("profile-ncu", "ncu"), ("profile-nsys", "nsys")):
            self.submit("--template", template, "--submit", "--", "train", "--data", "d.h5", code=1)
            self.assertIn(f"there is no {tool}: load the module", self.log())

    def test_a_gpu_job_without_a_gpu_does_not_run(self):
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nexit 9\n")
        self.submit("--template", "gpu-node", "--gpus", "1", "--submit", "--", "train", "--data", "d.h5", code=1)
        self.assertIn("no GPU is visible in this job", self.log())
        self.assertNotIn("program train", self.log())
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nprintf '0\\n'\n")
        self.submit("--template", "gpu-node", "--gpus", "1", "--submit", "--", "train", "--data", "d.h5")
        self.assertIn("gpu=0", self.log())


class GpuScript(JobTest):
    """jobs/gpu.sh over stand-ins: every step is called, failures are counted, and what it names exists."""

    def setUp(self) -> None:
        super().setUp()
        self.text = (ROOT / "jobs/gpu.sh").read_text()
        self.build = self.folder / "build"
        for name in ["fedfuse", "bench/bench_kernels", "bench/bench_profile", "bench/bench_collectives", *(f"tests/{lists.parent.name}/{test}_test" for lists in (ROOT / "tests").rglob("CMakeLists.txt") for test in re.findall(r"^ *fedfuse_test\((\w+)", lists.read_text(), re.M))]:
            self.stand_in(self.build / name, "#!/usr/bin/env bash\necho poison=${FEDFUSE_POISON-none} seed=${FEDFUSE_TEST_SEED-none}\n")
        self.stand_in(self.build / "fedfuse", "#!/usr/bin/env bash\nwhile [ $# -gt 0 ] && [ \"$1\" != --out ]; do shift; done\n"
                      '[ $# -eq 0 ] || echo \'{"device": {"kind": "cuda", "reduction": "nccl", "state": "device"}}\' >"${2%.h5}.json"\n')
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\n[ \"$1\" != -L ] || printf 'GPU 0: a chip (UUID: GPU-1)\\nGPU 1: a chip (UUID: GPU-2)\\n'\n")
        for tool in ("ncu", "compute-sanitizer", "mpirun"):
            self.stand_in(self.tools / tool, RUNS_WHAT_FOLLOWS)

    def gpu(self, *parts, code=0):
        said = self.run_line(ROOT / "jobs/gpu.sh", self.folder / "out", *parts, code=code, FEDFUSE_BUILD=str(self.build))
        return said, (self.folder / "out/summary.txt").read_text()

    def test_all_steps_are_taken(self):
        said, summary = self.gpu()
        self.assertNotRegex(summary, "FAILED|TIMED OUT|skipped")
        for words in ("ok      test_device_engine", "ok      memcheck_local_train", "ok      test_evaluation", "ok      fresh_teacher", "ok      two_ranks_engine", "two ranks, 2 GPUs, sums by: nccl", "ok      kernels", "ok      round_gfmfr", "ok      ncu_local_train_cuda_mlp"):
            self.assertIn(words, summary)
        called = self.log("stand_in.log")
        self.assertIn("compute-sanitizer --tool racecheck --error-exitcode 1", called)
        self.assertIn(f"mpirun -n 2 {self.build}/bench/bench_collectives", called)
        self.assertRegex(called, r"--tool memcheck \S+ 1 --report-api-errors no")
        self.assertNotRegex(called, r"--tool initcheck \S+ 1 --report-api-errors")
        self.assertIn("ncu --profile-from-start off --set full", called)

    def test_a_failure_stops_nothing_and_is_told(self):
        self.stand_in(self.build / "tests/kernels/sample_test", "#!/usr/bin/env bash\nexit 1\n")
        _, summary = self.gpu("tests", code=1)
        self.assertIn("FAILED  test_sample (exit code 1)", summary)
        self.assertIn("ok      test_device_engine", summary)

    def test_a_filter_that_matches_nothing_is_a_failure(self):
        self.stand_in(self.build / "tests/server/resident_state_test", "#!/usr/bin/env bash\necho '[==========] Running 0 tests from 0 test suites.'\n")
        self.assertIn("FAILED  memcheck_state (no test has that name)", self.gpu("sanitizer", code=1)[1])

    def test_memory_is_poisoned_and_inputs_are_fresh_where_they_should_be(self):
        self.gpu("tests", "sanitizer")
        said = {path.stem: path.read_text() for path in (self.folder / "out").glob("*.txt")}
        self.assertIn("poison=1 seed=none", said["test_sample"])
        self.assertRegex(said["fresh_sample"], r"poison=1 seed=[1-9]\d*\n")
        self.assertIn(re.search(r"seed=(\d+)", said["fresh_sample"])[1], re.search(r"FEDFUSE_TEST_SEED=(\d+)", said["summary"])[1])
        self.environment |= {"FEDFUSE_TEST_SEED": "7", "FEDFUSE_POISON": "1"}
        self.gpu("tests", "sanitizer")
        self.assertIn("seed=none", (self.folder / "out/test_sample.txt").read_text())
        self.assertIn("seed=7", (self.folder / "out/fresh_sample.txt").read_text())
        self.assertIn("poison=none", (self.folder / "out/initcheck_sample.txt").read_text())

    def test_every_test_that_opens_a_device_is_run(self):
        lists = [(lists.parent, found) for lists in (ROOT / "tests").rglob("CMakeLists.txt") for found in re.findall(r"^ *fedfuse_test\((\w+) SOURCES ([^)]*)\)", lists.read_text(), re.M)]
        on_device = [name for folder, (name, sources) in lists if any(re.search(r"fresh_devices\(|device_kinds\(|[ :]runnable", (folder / word).read_text()) for word in sources.split() if word.endswith(".cpp"))]
        self.assertIn("device_engine", on_device)
        summary = self.gpu("tests")[1]
        for name in on_device:
            self.assertIn(f"ok      test_{name}\n", summary)

    def test_a_record_that_hides_how_sums_met_is_a_failure(self):
        self.stand_in(self.build / "fedfuse")
        self.assertIn("FAILED  several_train", self.gpu("several", code=1)[1])

    def test_its_filters_name_tests_that_exist(self):
        tests = re.findall(r"^TEST(?:_F)?\((\w+), (\w+)\)", "".join(path.read_text() for path in (ROOT / "tests").rglob("*.cpp")), re.M)
        filters = re.findall(r"--gtest_filter='([^']*)'", self.text)
        self.assertGreater(len(filters), 3)
        for piece in ":".join(filters).replace(":-", ":").split(":"):
            self.assertTrue([name for name in map(".".join, tests) if fnmatch.fnmatchcase(name, piece)], f"no test is named {piece}")

    def test_without_a_gpu_it_says_so(self):
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nexit 9\n")
        self.assertIn("no GPU", self.gpu(code=2)[0])

    def test_it_names_benchmarks_that_exist(self):
        cases = "".join(path.read_text() for path in (ROOT / "bench/device").glob("*.cpp"))
        named = re.findall(r"\w+/cuda[\w-]*/\w+", self.text)
        self.assertGreater(len(named), 3)
        for name in named:
            self.assertIn(f'"{name}"', cases)


if __name__ == "__main__":
    unittest.main()
