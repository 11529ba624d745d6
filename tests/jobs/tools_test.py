#!/usr/bin/env python3
"""Records, comparing, plotting, systems and job folders, without running the program."""
import importlib.util
import json
import sys
import types
import unittest
from pathlib import Path

from tool import QUICKSTART, ROOT, ToolTest, a_result, benchmarks

from lib import study_tree, systems
from records.intervals import median_interval, ratio_interval, trimmed_mean
from records.validity import why_invalid


class Validity(unittest.TestCase):
    def test_a_published_run_is_valid(self):
        self.assertEqual(why_invalid(a_result()), "")
        self.assertEqual(why_invalid(a_result(status="complete")), "")

    def test_every_reason_is_named(self):
        run = a_result()
        rounds = len(run["metrics"]["round"])
        for changed, reason in ((a_result(status="failed", status_text="diverged"), "diverged"), (a_result(status="interrupted"), "interrupted"),
                                (a_result(status="invalid: sums differ"), "sums differ"), (a_result(status="running"), "running"),
                                (a_result(metrics={"loss": [None] * rounds}), "loss of round 1"),
                                (a_result(metrics={"test_ndcg_50": [float("inf")] * rounds}), "test_ndcg_50"),
                                (a_result(metrics={"participants": [7.0] * rounds}), "7 of"),
                                (a_result(metrics={"valid_clients": [9.0] + run["metrics"]["valid_clients"][1:]}), "were evaluated")):
            with self.subTest(reason):
                self.assertIn(reason, why_invalid(changed))


class Intervals(unittest.TestCase):
    def test_order_statistics(self):
        low, high, coverage = median_interval(list(range(1, 11)))  # of ten: the second and the ninth, 97.9 %
        self.assertEqual((low, high), (2, 9))
        self.assertAlmostEqual(coverage, 1 - 22 / 1024)
        self.assertEqual(median_interval([3.0, 1.0, 2.0])[:2], (1.0, 3.0))
        self.assertEqual(median_interval([5.0])[:2], (5.0, 5.0))

    def test_trimmed_mean_leaves_out_the_outer_values(self):
        self.assertEqual(trimmed_mean([100, 1, 2, 3, -50]), 2)
        self.assertEqual(trimmed_mean([1, 2, 6]), 3)

    def test_bootstrap_is_repeatable_and_covers(self):
        a, b = [1.0, 1.1, 0.9, 1.0, 1.05], [2.0, 2.1, 1.9, 2.05, 2.0]
        self.assertEqual(ratio_interval(a, b), ratio_interval(a, b))
        low, high = ratio_interval(a, b)
        self.assertTrue(1.7 < low <= 2.0 <= high < 2.4)


class Compare(ToolTest):
    base = {"k/1": [10.0, 10.1, 9.9, 10.0, 10.05], "k/2": [5.0, 5.1, 4.9]}

    def test_same_and_noise_are_no_regression(self):
        a = self.write("a.json", benchmarks(self.base))
        b = self.write("b.json", benchmarks({"k/1": [10.1, 10.0, 9.95, 10.2, 9.9], "k/2": [5.0, 5.1, 4.9], "new": [1.0]}))
        self.assertIn("only in B: new", self.run_tool("bench/compare.py", a, b))

    def test_slower_ends_with_1_and_faster_with_0(self):
        a = self.write("a.json", benchmarks(self.base))
        b = self.write("b.json", benchmarks({**self.base, "k/1": [20.0, 20.1, 19.9]}))
        self.assertIn("REGRESSION", self.run_tool("bench/compare.py", a, b, code=1))
        self.assertIn("faster", self.run_tool("bench/compare.py", b, a))

    def test_one_sample_is_not_judged(self):
        a, b = self.write("a.json", benchmarks({"k": [1.0]})), self.write("b.json", benchmarks({"k": [9.0]}))
        self.assertIn("not judged", self.run_tool("bench/compare.py", a, b))

    def test_a_failed_check_ends_with_1(self):
        broken = benchmarks(self.base)
        broken["benchmarks"].append({"name": "k/3", "error_occurred": True, "error_message": "wrong result"})
        good = benchmarks({**self.base, "k/3": [1.0, 1.0, 1.0]})
        self.assertIn("wrong result", self.run_tool("bench/compare.py", self.write("a.json", good), self.write("b.json", broken), code=1))

    def test_results_and_an_invalid_one(self):
        a = self.write("a/none.json", a_result())
        self.assertIn("same", self.run_tool("bench/compare.py", a, QUICKSTART / "none.json"))
        b = self.write("b/none.json", a_result(status="failed", status_text="diverged"))
        self.assertIn("INVALID in B: 1 of 1 runs: failed: diverged", self.run_tool("bench/compare.py", a.parent, b.parent, code=1))
        self.assertIn("INVALID in A: 1 of 1 runs", self.run_tool("bench/compare.py", b.parent, a.parent))

    def test_an_invalid_run_among_others_ends_with_1(self):
        for seed in range(4):
            self.write(f"a/none-{seed}.json", a_result(config={"seed": seed}))
            self.write(f"b/none-{seed}.json", a_result(config={"seed": seed}, status="failed" if seed == 3 else "finished"))
        said = self.run_tool("bench/compare.py", self.folder / "a", self.folder / "b", code=1)
        self.assertIn("INVALID in B: 1 of 4 runs", said)
        self.assertIn("1 regressions or failed checks", said)  # the three others are compared
        self.write("b/other.json", a_result(config={"fusion": "mlp"}, status="failed"))
        self.assertIn("INVALID in B, and not in A at all: fcf/mlp", self.run_tool("bench/compare.py", self.folder / "a", self.folder / "b", code=1))

    def test_a_number_that_is_not_finite_is_invalid(self):
        a, b = self.write("a.json", benchmarks(self.base)), self.write("b.json", benchmarks({**self.base, "k/2": [5.0, float("nan"), 4.9]}))
        self.assertIn("INVALID in B: a number is not finite", self.run_tool("bench/compare.py", a, b, code=1))

    def test_invalid_runs_of_a_scaling_table_end_with_1(self):
        row = {"nodes": 1, "ranks": 2, "threads": 1, "runs": 3, "round_s": 1.0, "round_s_runs": [1.0, 1.0, 1.01], "invalid": []}
        a = self.write("a.json", {"format": "fedfuse-scaling", "kind": "strong", "rows": [row]})
        b = self.write("b.json", {"format": "fedfuse-scaling", "kind": "strong", "rows": [{**row, "runs": 2, "invalid": ["repeat-2: clients lost"]}]})
        self.assertIn("INVALID in B: repeat-2: clients lost", self.run_tool("bench/compare.py", a, b, code=1))

    def test_other_settings_are_said(self):
        a, b = self.write("a/none.json", a_result()), self.write("b/none.json", a_result(config={"dim": 17}))
        self.assertIn("not the same settings, A | B: dim 64 | 17", self.run_tool("bench/compare.py", a, b))
        self.assertNotIn("NOTE", self.run_tool("bench/compare.py", a, QUICKSTART / "none.json"))

    def test_bad_input_ends_with_2(self):
        good = self.write("a.json", benchmarks(self.base))
        for other in (self.folder / "absent.json", self.write("text.json", "no JSON"), self.write("list.json", []), self.write("alone.json", benchmarks({"z": [1.0]}))):
            with self.subTest(other):
                self.run_tool("bench/compare.py", good, other, code=2)


class Systems(ToolTest):
    def test_every_system_of_the_repository_is_right(self):
        for name in systems.known_systems():
            self.assertTrue(systems.load(name).launcher)

    def test_mistakes_are_named(self):
        good = json.loads((systems.FOLDER / "generic.json").read_text())
        for change, said in (({"partitoin": "x"}, 'unknown key "partitoin" (did you mean "partition"?)'), ({"cores_per_node": "64"}, '"cores_per_node" must be of type int'),
                             ({"launcher": "srun {rank}"}, "unknown place {rank}"), ({"scheduler": "pbs"}, "slurm or local")):
            with self.subTest(said):
                system = self.write("system.json", {**good, **change})
                self.assertIn(said, self.run_tool("jobs/submit.py", "--system", system, "--folder", self.folder / "job", code=2))

    def test_a_job_that_does_not_fit_is_refused(self):
        for words, said in ((["--ranks", "65"], "64 cores a node"), (["--gpus", "5"], "has 4"), (["--nodes", "2"], "a node would have none"),
                            (["--template", "arra", "--seeds", "1"], "belong together")):
            with self.subTest(said):
                self.assertIn(said, self.run_tool("jobs/submit.py", "--folder", self.folder / "job", *words, code=2))

    def test_every_study_of_the_repository_is_right(self):
        for name in ("strong", "weak", "strong_gfmfr"):
            self.assertTrue(study_tree.load(ROOT / "jobs/studies" / f"{name}.json").points)

    def test_dry_run_prints_the_line(self):
        said = self.run_tool("jobs/submit.py", "--folder", self.folder / "job", "--template", "gpu-node", "--gpus", 2, "--ranks", 2, "--", "train", "--data", "d.h5")
        self.assertIn("--gpus-per-node=2", said)
        self.assertIn("result.h5", (self.folder / "job/job.sh").read_text())


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "no matplotlib (python3-matplotlib)")
class Plot(ToolTest):
    def test_every_figure(self):
        table = {"format": "fedfuse-scaling", "kind": "strong", "train": {"backbone": "fcf", "fusion": "none"}, "rows": [
            {"nodes": 1, "ranks": r, "threads": 1, "cores": r, "oversubscribed": r > 2, "invalid": ["repeat-0: failed"] if r == 2 else [], "round_s": 1 / r, "round_s_low": 0.9 / r,
             "round_s_high": 1.2 / r, "efficiency": 1.0, "communication_share": 0.1} for r in (1, 2, 4)]}
        path = self.write("table.json", table)
        model = self.write("model.json", {"format": "fedfuse-model", "kind": "strong", "points": [{"ranks": r, "predicted_s": 1 / r, "extrapolated": r > 2} for r in (1, 2, 4, 8)]})
        for words in (["curves", *sorted(QUICKSTART.glob("*.json"))], ["phases", *sorted(QUICKSTART.glob("*.json"))], ["scaling", path, "--model", model],
                      ["roofline", ROOT / "results/kernels/kernels.json"]):
            for ending in (".png", ".svg"):
                with self.subTest(f"{words[0]}{ending}"):
                    out = self.folder / f"{words[0]}{ending}"
                    self.run_tool("bench/plot.py", *words, "--out", out)
                    self.assertGreater(out.stat().st_size, 1000)
        self.assertIn("EXTRAPOLATION", (self.folder / "scaling.svg").read_text())

    def test_a_folder_is_all_results_in_it(self):
        self.run_tool("bench/plot.py", "curves", QUICKSTART, "--out", self.folder / "all.svg")
        self.run_tool("bench/plot.py", "curves", *sorted(QUICKSTART.glob("*.json")), "--out", self.folder / "named.svg")
        self.assertEqual((self.folder / "all.svg").read_text(), (self.folder / "named.svg").read_text())

    def test_a_device_has_ceilings_of_its_own(self):
        cpu = {"name": "k/cpu", "run_name": "k/cpu", "FLOP": 8e6, "bytes": 2e6, "FLOP/s": 1e9, "cpu_time": 1.0, "time_unit": "us"}
        device = {**cpu, "run_name": "k/cuda", "label": "some chip", "warm_up_ms": 1.0, "ceiling_copy_B/s": 2e12, "ceiling_fma_FLOP/s": 6e13, "ceiling_sgemm_FLOP/s": 5e13, "ceiling_tensor_FLOP/s": 6e14}
        emulated = {**cpu, "run_name": "k/emulated", "warm_up_ms": 1.0}
        broken = {"name": "k/broken", "run_name": "k/broken", "error_occurred": True, "error_message": "wrong result"}
        ceilings = {"ceiling_fma_flop_per_s": "1.5e11", "ceiling_copy_bytes_per_s": "1.6e10"}
        path = self.write("both.json", {"context": ceilings, "benchmarks": [cpu, device, emulated, broken]})
        said = self.run_tool("bench/plot.py", "roofline", path, "--out", self.folder / "both.svg")
        self.assertIn("INVALID, not drawn: k/broken: wrong result", said)
        text = (self.folder / "both.svg").read_text()
        for words in ("device: some chip", "tensor cores: 600000 GFLOP/s", "fused multiply-adds: 60000 GFLOP/s", "fused multiply-adds: 150 GFLOP/s"):
            self.assertIn(words, text)
        self.run_tool("bench/plot.py", "roofline", self.write("emulated.json", {"context": ceilings, "benchmarks": [emulated]}), "--out", self.folder / "e.svg", code=2)

    def test_an_invalid_run_is_named_and_not_drawn(self):
        bad = self.write("bad.json", a_result(status="failed", status_text="diverged"))
        said = self.run_tool("bench/plot.py", "curves", QUICKSTART / "mlp.json", bad, "--out", self.folder / "c.png")
        self.assertIn("INVALID, not drawn", said)
        self.run_tool("bench/plot.py", "curves", bad, "--out", self.folder / "d.png", code=2)

    def test_bad_input(self):
        self.run_tool("bench/plot.py", "roofline", QUICKSTART / "mlp.json", "--out", self.folder / "r.png", code=2)
        self.run_tool("bench/plot.py", "curves", QUICKSTART / "mlp.json", "--out", self.folder / "r.pdf", code=2)
        self.run_tool("bench/plot.py", "curves", QUICKSTART / "mlp.json", "--metric", "nonsense", "--out", self.folder / "r.png", code=2)


class CostModel(ToolTest):
    """bench/rounds/model.py from rates that can be divided by hand."""

    rates = {"local_train_clients/0/1": ("FLOP/s", 1e9), "aggregate_updates/0/1000": ("clients/s", 1000.0), "aggregate_updates/0/10000": ("clients/s", 500.0),
             "rank_count/0/20000": ("FLOP/s", 1e10), "group_heads/2048": ("clients/s", 20480.0), "group_heads/20000": ("clients/s", 20000 / 0.27952),
             "teacher_epoch/2000/32": ("items/s", 1e5)}

    def predict(self, train, code=0, **changes):
        kernels = self.write("kernels.json", {"context": {}, "benchmarks": [{"name": name, "run_name": name, counter: rate} for name, (counter, rate) in self.rates.items()]})
        collectives = self.write("collectives.json", {"format": "fedfuse-collectives", "ranks": 2, "rows": [
            {"collective": "mpi", "bytes": size, "seconds": [seconds], "seconds_median": seconds, "wrong_words": 0} for size, seconds in ((8, 2e-6), (1 << 20, 1e-3), (5 << 20, 6e-3))]})
        row = {"nodes": 1, "threads": 1, "oversubscribed": False, "users": 20000, "items": 2000, "train_interactions": 100000, "round_s": 4.0} | changes
        table = self.write("table.json", {"format": "fedfuse-scaling", "kind": "strong", "generate": {"users": 20000, "dim-text": 32, "dim-image": 32},
                                          "train": {"backbone": "fcf", "eval_clients": 2000, **train}, "rows": [{**row, "ranks": ranks} for ranks in (1, 2)]})
        said = self.run_tool("bench/rounds/model.py", "--kernels", kernels, "--collectives", collectives, "--table", table, "--to", "8", "--out", self.folder / "model.json", code=code)
        return said if code else {point["ranks"]: point for point in json.loads((self.folder / "model.json").read_text())["points"]}

    def test_every_part_is_its_formula(self):
        training = 2 * 3 * 64 * 500000 * 5 / 1e9
        for uploads in ("store", "replay"):
            points = self.predict({"fusion": "gfmfr", "uploads": uploads, "teacher_epochs": 20})
            for ranks in (1, 2, 8):
                alpha = 1e-6  # of a hop: 2 log2(2) of them took 2e-6 s
                table, groups = 2000 * 513, 5 * 2000 * 513
                link, group_link = (1 << 20) / (1e-3 - 2e-6), (5 << 20) / (6e-3 - 2e-6)
                hops = 2 * (ranks.bit_length() - 1) * alpha
                share = 2 * (ranks - 1) / ranks
                expected = {"training_s": training / ranks, "accumulation_s": 500000 / (85 * 1000) / ranks, "evaluation_s": 2 * 64 * 2000 * 2000 / 1e10 / ranks,
                            "second_pass_s": ((training if uploads == "replay" else 0) + 500000 / (85 * 500)) / ranks, "grouping_s": 0.1 + 17952 * 1e-5 / ranks,
                            "teacher_s": 20 * 2000 / 1e5, "all_reduce_s": 2 * hops + share * (table / link + groups / group_link) if ranks > 1 else 0}
                for name, seconds in expected.items():
                    self.assertAlmostEqual(points[ranks][name], seconds, delta=1e-6 + 1e-4 * seconds, msg=f"{name} of {ranks} ranks, {uploads}")
                self.assertAlmostEqual(points[ranks]["predicted_s"], sum(points[ranks][name] for name in expected))
            self.assertEqual([points[ranks]["extrapolated"] for ranks in (1, 2, 4, 8)], [False, False, True, True])

    def test_without_a_teacher_there_is_none(self):
        point = self.predict({"fusion": "none"})[1]
        self.assertNotIn("teacher_s", point)
        self.assertAlmostEqual(point["predicted_to_measured"], point["predicted_s"] / 4.0)

    def test_what_it_does_not_cover_is_refused(self):
        for train, said in (({"fusion": "mlp"}, "no model for fcf + mlp"), ({"fusion": "gfmfr"}, "stored or replayed"), ({"fusion": "gfmfr", "uploads": "store", "groups": 7}, "groups")):
            self.assertIn(said, self.predict(train, code=2))
        self.assertIn("so few clients", self.predict({"fusion": "gfmfr", "uploads": "store"}, code=2, users=100))


class Packaging(unittest.TestCase):
    def test_the_spack_recipe_runs_over_stand_ins(self):
        """Every directive that it calls, every option that it hands to CMake."""
        called, defined = [], []

        class CMakePackage:
            run_tests = False

            def define_from_variant(self, name, variant):
                defined.append((name, variant))

            def define(self, name, value):
                defined.append((name, value))

        def directive(name):
            return lambda *words, **named: called.append((name, *words))

        spack, package = types.ModuleType("spack"), types.ModuleType("spack.package")
        vars(package).update({name: directive(name) for name in ("version", "variant", "depends_on", "license")}, CMakePackage=CMakePackage)
        file = ROOT / "jobs/packaging/spack/packages/fedfuse/package.py"
        before = sys.modules | {}
        sys.modules |= {"spack": spack, "spack.package": package}
        self.addCleanup(lambda: [sys.modules.pop(name) for name in ("spack", "spack.package") if name not in before])
        recipe = {"__file__": str(file), "__name__": "recipe"}
        exec(compile(file.read_text(), str(file), "exec"), recipe)
        self.assertEqual(recipe["Fedfuse"].git, ROOT.as_uri())
        recipe["Fedfuse"]().cmake_args()
        variants = {words[1] for words in called if words[0] == "variant"}
        self.assertEqual({variant for _, variant in defined if isinstance(variant, str)} | {"tools"}, variants)
        options = (ROOT / "CMakeLists.txt").read_text()
        for name, _ in defined:
            self.assertIn(f"option({name} ", options)
        for needed in ("mpi", "hdf5@1.10:+mpi", "eigen@3.4:3", "random123", "cli11", "nlohmann-json"):
            self.assertIn(("depends_on", needed), called)

    def test_recipes_compile_and_name_options_that_exist(self):
        lists = (ROOT / "CMakeLists.txt").read_text()
        for file in (ROOT / "jobs/packaging").rglob("*.py"):
            text = file.read_text()
            compile(text, str(file), "exec")
            for word in text.replace('"', " ").split():
                if word.startswith("FEDFUSE_") and file.name == "package.py":
                    self.assertIn(f"option({word}", lists)


class Summaries(ToolTest):
    def test_invalid_runs_are_counted_and_left_out(self):
        for seed, status in ((0, "finished"), (1, "finished"), (2, "failed")):
            self.write(f"result-{seed}.json", a_result(status=status, config={"seed": seed}))
        said = self.run_tool("jobs/studies/summarise.py", self.folder)
        self.assertIn("(1 of 3 INVALID)", said)
        self.assertIn("Seeds 0, 1, 2; means over all of them", said)
        for seed in (3, 4):
            self.write(f"result-{seed}.json", a_result(config={"seed": seed}))
        self.assertIn("means without the 1 lowest and the 1 highest", self.run_tool("jobs/studies/summarise.py", self.folder))
        self.run_tool("jobs/studies/summarise.py", self.folder, "--trim", "0.5", code=2)
        self.run_tool("jobs/studies/summarise.py", Path("/absent.csv"), code=2)


if __name__ == "__main__":
    unittest.main()
