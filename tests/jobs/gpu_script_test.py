#!/usr/bin/env python3
"""jobs/gpu.sh with stand-ins for nvidia-smi, ncu, mpirun and compute-sanitizer."""

import fnmatch
import re
import tarfile
import unittest

from job_case import RUNS_WHAT_FOLLOWS, JobTest
from tool import ROOT


class GpuScript(JobTest):
    """Every step is called, failures are counted, and what the script names exists."""

    def setUp(self) -> None:
        super().setUp()
        self.text = (ROOT / "jobs/gpu.sh").read_text()
        self.text += (ROOT / "jobs/lib/gpu_parts.sh").read_text()
        self.build = self.folder / "build"
        for name in [
            "fedfuse",
            "bench/bench_kernels",
            "bench/bench_profile",
            "bench/bench_collectives",
            *(
                f"tests/{lists.parent.name}/{test}_test"
                for lists in (ROOT / "tests").rglob("CMakeLists.txt")
                for test in re.findall(r"^ *fedfuse_test\((\w+)", lists.read_text(), re.M)
            ),
        ]:
            self.stand_in(
                self.build / name,
                "#!/usr/bin/env bash\necho poison=${FEDFUSE_POISON-none} "
                "seed=${FEDFUSE_TEST_SEED-none}\n",
            )
        self.stand_in(
            self.build / "fedfuse",
            '#!/usr/bin/env bash\nwhile [ $# -gt 0 ] && [ "$1" != --out ]; do shift; done\n'
            '[ $# -eq 0 ] || echo \'{"device": {"kind": "cuda", "reduction": "nccl", "state": '
            '"device"}}\' >"${2%.h5}.json"\n',
        )
        self.stand_in(
            self.tools / "nvidia-smi",
            '#!/usr/bin/env bash\n[ "$1" != -L ] || printf \'GPU 0: a chip (UUID: GPU-1)\\nGPU '
            "1: a chip (UUID: GPU-2)\\n'\n",
        )
        for tool in ("ncu", "compute-sanitizer", "mpirun"):
            self.stand_in(self.tools / tool, RUNS_WHAT_FOLLOWS)

    def gpu(self, *parts, code=0):
        said = self.run_line(
            ROOT / "jobs/gpu.sh",
            self.folder / "out",
            *parts,
            code=code,
            FEDFUSE_BUILD=str(self.build),
        )
        return said, (self.folder / "out/summary.txt").read_text()

    def test_all_steps_are_taken(self):
        _, summary = self.gpu()
        self.assertNotRegex(summary, "FAILED|TIMED OUT|skipped")
        for words in (
            "ok      test_device_engine",
            "ok      memcheck_local_train",
            "ok      test_evaluation",
            "ok      fresh_teacher",
            "ok      two_ranks_engine",
            "two ranks, 2 GPUs, sums by: nccl",
            "ok      smoke_preference",
            "ok      smoke_round_fedvlr",
            "ok      links",
            "ok      kernels_goals",
            "ok      kernels",
            "ok      round_gfmfr",
            "ok      ncu_local_train_cuda_mlp",
        ):
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

    def test_what_hangs_and_what_crashes_costs_its_part_alone(self):
        hangs = "#!/usr/bin/env bash\nsleep 100\n"
        self.stand_in(self.build / "bench/bench_kernels", hangs)
        self.stand_in(
            self.build / "tests/kernels/rank_test", "#!/usr/bin/env bash\nkill -SEGV $$\n"
        )
        self.environment |= {"FEDFUSE_PART_SECONDS": "5"}
        _, summary = self.gpu("numbers", "profile", "smoke", code=1)
        for words in (
            "TIMED OUT kernels_goals (after 5 s)",
            "NOT RUN kernels (the part is out of time)",
            "ok      ncu_local_train_cuda_mlp",
            "FAILED  smoke_rank (exit code 139)",
            "ok      smoke_views",
        ):
            self.assertIn(words, summary)
        with tarfile.open(self.folder / "out/results.tar.gz") as archive:
            packed = archive.getnames()
        for name in ("summary.txt", "chip.csv", "kernels_goals.txt", "smoke_views.txt"):
            self.assertIn(name, packed)

    def test_archives_fit_and_their_pieces_make_the_whole(self):
        self.stand_in(
            self.tools / "ncu",
            "#!/usr/bin/env bash\nwhile [ $# -gt 0 ]; do\n"
            '  [ "$1" != --export ] || head -c 700000 /dev/urandom >"$2.ncu-rep"\n  shift\ndone\n',
        )
        self.environment |= {"FEDFUSE_ARCHIVE_MIB": "1"}
        self.gpu("profile")
        pieces = sorted((self.folder / "out").glob("profiles.tar.gz*"))
        self.assertGreater(len(pieces), 2)
        for piece in pieces:
            self.assertLessEqual(piece.stat().st_size, 1 << 20)
        whole = self.folder / "whole.tar.gz"
        whole.write_bytes(b"".join(piece.read_bytes() for piece in pieces))
        with tarfile.open(whole) as archive:
            self.assertIn("local_train_cuda_mlp.ncu-rep", archive.getnames())

    def test_what_it_refuses(self):
        line = [ROOT / "jobs/gpu.sh", self.folder / "out"]
        self.assertIn("there is no part nothing", self.run_line(*line, "nothing", code=2))
        for name in ("FEDFUSE_MINUTES", "FEDFUSE_PART_SECONDS", "FEDFUSE_ARCHIVE_MIB"):
            self.assertIn(f"{name}=x is no whole", self.run_line(*line, code=2, **{name: "x"}))

    def test_a_filter_that_matches_nothing_is_a_failure(self):
        self.stand_in(
            self.build / "tests/server/resident_state_test",
            "#!/usr/bin/env bash\necho '[==========] Running 0 tests from 0 test suites.'\n",
        )
        self.assertIn(
            "FAILED  memcheck_state (no test has that name)", self.gpu("sanitizer", code=1)[1]
        )

    def test_memory_is_poisoned_and_inputs_are_fresh_where_they_should_be(self):
        self.gpu("tests", "sanitizer")
        said = {path.stem: path.read_text() for path in (self.folder / "out").glob("*.txt")}
        self.assertIn("poison=1 seed=none", said["test_sample"])
        self.assertRegex(said["fresh_sample"], r"poison=1 seed=[1-9]\d*\n")
        self.assertIn(
            re.search(r"seed=(\d+)", said["fresh_sample"])[1],
            re.search(r"FEDFUSE_TEST_SEED=(\d+)", said["summary"])[1],
        )
        self.environment |= {"FEDFUSE_TEST_SEED": "7", "FEDFUSE_POISON": "1"}
        self.gpu("tests", "sanitizer")
        self.assertIn("seed=none", (self.folder / "out/test_sample.txt").read_text())
        self.assertIn("seed=7", (self.folder / "out/fresh_sample.txt").read_text())
        self.assertIn("poison=none", (self.folder / "out/initcheck_sample.txt").read_text())

    def test_every_test_that_opens_a_device_is_run(self):
        lists = [
            (lists.parent, found)
            for lists in (ROOT / "tests").rglob("CMakeLists.txt")
            for found in re.findall(
                r"^ *fedfuse_test\((\w+) SOURCES ([^)]*)\)", lists.read_text(), re.M
            )
        ]
        on_device = [
            name
            for folder, (name, sources) in lists
            if any(
                re.search(
                    r"fresh_devices\(|device_kinds\(|[ :]runnable", (folder / word).read_text()
                )
                for word in sources.split()
                if word.endswith(".cpp")
            )
        ]
        self.assertIn("device_engine", on_device)
        summary = self.gpu("tests")[1]
        for name in on_device:
            self.assertIn(f"ok      test_{name}\n", summary)

    def test_a_record_that_hides_how_sums_met_is_a_failure(self):
        self.stand_in(self.build / "fedfuse")
        self.assertIn("FAILED  several_train", self.gpu("several", code=1)[1])

    def test_its_filters_name_tests_that_exist(self):
        tests = re.findall(
            r"^TEST(?:_F)?\((\w+), (\w+)\)",
            "".join(path.read_text() for path in (ROOT / "tests").rglob("*.cpp")),
            re.M,
        )
        filters = re.findall(r"(?:--gtest_filter|of_(?:kernels|smoke)\+?)='([^']*)'", self.text)
        self.assertGreater(len(filters), 3)
        pieces = ":".join(filters).replace(":-", ":").split(":")
        for piece in filter(None, pieces):
            self.assertTrue(
                [name for name in map(".".join, tests) if fnmatch.fnmatchcase(name, piece)],
                f"no test is named {piece}",
            )

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
