#!/usr/bin/env python3
"""What runs around the program in a job, without SLURM and without a GPU: job folders on a local
system, jobs/bind.sh and the profilers' scripts, with stand-ins for nvidia-smi, ncu and nsys first
on the path."""

import os
import shutil
import subprocess
import sys
import unittest

from job_case import LOCAL, RUNS_WHAT_FOLLOWS, JobTest
from tool import ROOT

from lib import job_folder, seeds
from records.errors import Refusal

SCRIPTS = sorted(
    path
    for folder in ("jobs", "bench", "tests", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".sh", ".sbatch") or path.parent.name == ".ci"
)


class Scripts(unittest.TestCase):
    def test_job_scripts_name_no_machine(self):
        for path in [*job_folder.TEMPLATES.glob("*.sbatch"), job_folder.TEMPLATES / "common.sh"]:
            lines = [
                line
                for line in path.read_text().splitlines()
                if line.startswith("#SBATCH") or not line.lstrip().startswith("#")
            ]
            for word in (
                *["--partition", "--account", "--constraint", "--nodelist", "--qos", "--gres"],
                "module load",
                "srun ",
                "mpirun ",
            ):
                self.assertFalse(
                    [line for line in lines if word in line], f"{path.name} names {word}"
                )

    def test_the_templates_are_those_that_are_promised(self):
        self.assertEqual(
            job_folder.templates(),
            ["array", "cpu-node", "gpu-node", "nodes", "profile-ncu", "profile-nsys", "requeue"],
        )
        self.assertIn(
            "#SBATCH --signal=B:USR1@120", (job_folder.TEMPLATES / "requeue.sbatch").read_text()
        )

    def test_every_script_is_bash(self):
        for path in SCRIPTS:
            subprocess.run(["bash", "-n", path], check=True)


class LocalJobs(JobTest):
    def test_an_array_runs_seed_after_seed(self):
        said = self.submit(
            "--template", "array", "--seeds", "0-4:2,9%2", "--", "train", "--data", "d.h5"
        )
        self.assertEqual(
            [line.split()[1] for line in said.splitlines()],
            [f"SLURM_ARRAY_TASK_ID={seed}" for seed in (0, 2, 4, 9)],
        )
        self.submit(
            "--template", "array", "--seeds", "0-1", "--submit", "--", "train", "--data", "d.h5"
        )
        for seed in (0, 1):
            self.assertIn(
                f"program train --data d.h5 --overwrite --seed {seed} --out "
                f"{self.folder}/job/result-{seed}.h5",
                self.log(f"job/log-{seed}.txt"),
            )
            self.assertIn("ended 0", self.log(f"job/attempts-{seed}.txt"))

    def test_seeds_that_are_none_are_refused(self):
        for words in ("4-0", "a", "1,,2", "0-4:0", ""):
            with self.assertRaises(Refusal):
                seeds.seed_list(words)

    def test_a_job_that_fails_here_ends_with_1(self):
        self.submit("--submit", "--", "info")
        (self.folder / "system.json").unlink()
        system = self.write("system.json", LOCAL)
        self.run_line(
            sys.executable,
            ROOT / "jobs/submit.py",
            "--system",
            system,
            "--program",
            "/bin/false",
            "--folder",
            self.folder / "bad",
            "--submit",
            "--",
            "info",
            code=1,
        )
        self.run_line(
            sys.executable,
            ROOT / "jobs/submit.py",
            "--system",
            system,
            "--program",
            "/absent",
            "--folder",
            self.folder / "bad",
            "--submit",
            "--",
            "info",
            code=1,
        )
        self.assertIn("there is no program /absent", self.log("bad/log.txt"))

    def test_a_folder_whose_job_is_queued_is_taken(self):
        self.stand_in(
            self.tools / "squeue", '#!/usr/bin/env bash\n[ "$2" = --jobs=17 ] && echo PENDING\n'
        )
        self.write("job/submitted.txt", "17\n")
        self.assertIn("its job 17 is still in the queue", self.submit("--", "info", code=2))
        self.write("job/submitted.txt", "18\n")  # over, or forgotten
        self.submit("--", "info")

    def test_modules_setup_and_variables_of_the_system_reach_the_job(self):
        system = self.write(
            "system.json",
            {
                **LOCAL,
                "modules": ["mpi/5", "hdf5"],
                "setup": ['module() { echo "module $*"; }'],
                "environment": {"OMP_PLACES": "a b"},
            },
        )
        self.run_line(
            sys.executable,
            ROOT / "jobs/submit.py",
            "--system",
            system,
            "--folder",
            self.folder / "job",
            "--",
            "info",
        )
        text = self.log("job/job.sh")
        for words in (
            "module load mpi/5 hdf5",
            "export OMP_PLACES='a b'",
            "launcher=(env FEDFUSE_LAUNCHED=yes)",
        ):
            self.assertIn(words, text)


class Bind(JobTest):
    def bind(self, **variables):
        return self.run_line(ROOT / "jobs/bind.sh", self.program(), "a", "b", **variables)

    def test_every_rank_says_where_it_runs(self):
        cores = sorted(os.sched_getaffinity(0))
        said = self.bind(
            OMPI_COMM_WORLD_RANK="3",
            OMPI_COMM_WORLD_LOCAL_RANK="1",
            OMPI_COMM_WORLD_LOCAL_SIZE="2",
            CUDA_VISIBLE_DEVICES="4,7",
            OMP_NUM_THREADS="1",
        )
        self.assertIn(f"bind: rank 3 on {os.uname().nodename} (local 1 of 2)", said)
        self.assertIn("1 threads, GPU 7 of 2", said)
        self.assertIn("program a b gpu=7 threads=1", said)
        if len(cores) == os.cpu_count() and len(cores) > 1:
            self.assertIn(f"cores {cores[1]} (bound)", said)
            self.assertIn(f"cores={cores[1]}\n", said)

    def test_ranks_that_do_not_fit_are_left_free_and_told_so(self):
        said = self.bind(OMPI_COMM_WORLD_LOCAL_RANK="0", OMPI_COMM_WORLD_LOCAL_SIZE="1000")
        if len(os.sched_getaffinity(0)) == os.cpu_count():
            self.assertRegex(
                said, r"not bound: 1000 ranks x 1 threads on \d+ cores, oversubscribed"
            )
        self.assertIn("GPU none", said)

    def test_a_rank_beyond_those_that_are_known_of_is_left_free(self):
        self.assertIn("not bound: ", self.bind(SLURM_LOCALID="3"))

    def test_every_launcher_is_understood(self):
        for variables in (
            {"PALS_RANKID": "5", "PALS_LOCAL_RANKID": "1"},
            {"PMI_RANK": "5", "MPI_LOCALRANKID": "1"},
            {"SLURM_PROCID": "5", "SLURM_LOCALID": "1"},
            {"FLUX_TASK_RANK": "5", "FLUX_TASK_LOCAL_ID": "1"},
            {
                "OMPI_COMM_WORLD_RANK": "5",
                "OMPI_COMM_WORLD_LOCAL_RANK": "1",
                "SLURM_PROCID": "0",
                "SLURM_LOCALID": "0",
            },
        ):
            with self.subTest(variables):
                said = self.bind(
                    CUDA_VISIBLE_DEVICES="0,1,2", FEDFUSE_RANKS_PER_NODE="2", **variables
                )
                self.assertRegex(said, r"bind: rank 5 on \S+ \(local 1 of 2\): .* GPU 1 of 3")

    def test_devices_are_asked_for_where_no_variable_names_them(self):
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nprintf '0\\n1\\n'\n")
        self.assertIn("gpu=1", self.bind(OMPI_COMM_WORLD_RANK="3", OMPI_COMM_WORLD_LOCAL_RANK="3"))
        self.assertIn(
            "gpu=none",
            self.bind(OMPI_COMM_WORLD_RANK="3", OMPI_COMM_WORLD_LOCAL_RANK="3", FEDFUSE_BIND="off"),
        )
        # a driver that does not answer
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nexit 9\n")
        self.assertIn("gpu=none", self.bind())

    def test_without_a_program_it_says_how(self):
        self.assertIn("usage:", self.run_line(ROOT / "jobs/bind.sh", code=2))


class Profilers(JobTest):
    def test_they_run_every_rank_under_the_tool(self):
        for template, tool, words in (
            ("profile-ncu", "ncu", "--set full --kernel-name regex:.* --launch-count 20"),
            ("profile-nsys", "nsys", "profile --trace=cuda,nvtx,mpi,osrt"),
        ):
            with self.subTest(template):
                self.stand_in(self.tools / tool, RUNS_WHAT_FOLLOWS)
                self.submit(
                    "--template",
                    template,
                    *["--gpus", "1", "--submit", "--", "train", "--data", "d.h5", "--rounds", "2"],
                )
                called = self.log("stand_in.log").splitlines()[-1]
                self.assertTrue(called.startswith(f"{tool} {words}"), called)
                # the tool fills in the rank
                self.assertIn(
                    f"{self.folder}/job/{tool}-%q{{FEDFUSE_RANK}} {self.folder}/program train "
                    "--data d.h5 --rounds 2",
                    called,
                )
                self.assertIn("program train --data d.h5 --rounds 2 --out", self.log())
                self.assertIn("ended 0", self.log("job/attempts.txt"))

    def test_without_the_tool_they_say_so(self):
        bare = self.folder / "bare"
        bare.mkdir()
        tools = "bash env date uname awk cat grep sort seq nproc dirname basename lscpu"
        for tool in tools.split():
            if shutil.which(tool):
                (bare / tool).symlink_to(shutil.which(tool))
        self.environment["PATH"] = str(bare)
        for template, tool in (("profile-ncu", "ncu"), ("profile-nsys", "nsys")):
            self.submit("--template", template, "--submit", "--", "train", "--data", "d.h5", code=1)
            self.assertIn(f"there is no {tool}: load the module", self.log())

    def test_a_gpu_job_without_a_gpu_does_not_run(self):
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nexit 9\n")
        self.submit(
            *["--template", "gpu-node", "--gpus", "1", "--submit", "--", "train", "--data", "d.h5"],
            code=1,
        )
        self.assertIn("no GPU is visible in this job", self.log())
        self.assertNotIn("program train", self.log())
        self.stand_in(self.tools / "nvidia-smi", "#!/usr/bin/env bash\nprintf '0\\n'\n")
        self.submit(
            "--template", "gpu-node", "--gpus", "1", "--submit", "--", "train", "--data", "d.h5"
        )
        self.assertIn("gpu=0", self.log())


if __name__ == "__main__":
    unittest.main()
