#!/usr/bin/env python3
"""Every figure as a reader sees it: ticks, legends, words, lines on each other, the same bytes."""

import importlib.util
import json
import unittest
from pathlib import Path

from tool import QUICKSTART, ROOT, ToolTest, a_result

HAS_MATPLOTLIB = bool(importlib.util.find_spec("matplotlib"))
if HAS_MATPLOTLIB:
    import redraw
    from figures import curves, phases, privacy, roofline, scaling, style, words

    from figure_faults import faults

RESULTS = ROOT / "results"


def a_row(cores, seconds, **changes):
    row = {
        "nodes": 1,
        "ranks": cores,
        "threads": 1,
        "cores": cores,
        "oversubscribed": False,
        "invalid": [],
        "round_s": seconds,
        "round_s_low": 0.9 * seconds,
        "round_s_high": 1.1 * seconds,
        "round_s_fastest": 0.9 * seconds,
        "training_s": 0.8 * seconds,
        "evaluation_s": 0.15 * seconds,
        "commit_s": 0.0001 * seconds,
        "efficiency": 1.0,
        "communication_share": 0.0,
    }
    return row | changes


def a_table(rows, kind="strong"):
    return {
        "format": "fedfuse-scaling",
        "kind": kind,
        "train": {"backbone": "fedrap", "fusion": "mlp+gfmfr"},
        "rows": rows,
    }


def a_model(points, kind="strong"):
    return {
        "format": "fedfuse-model",
        "kind": kind,
        "points": [
            {"ranks": ranks, "predicted_s": seconds, "extrapolated": ranks > 2}
            for ranks, seconds in points
        ],
    }


def a_benchmark(name, intensity, rate, **changes):
    return {"name": name, "run_name": name, "FLOP": intensity, "bytes": 1, "FLOP/s": rate} | changes


def short(run, rounds):
    """Its first rounds only."""
    for table in ("metrics", "time"):
        run[table] = {name: column[:rounds] for name, column in run[table].items()}
    return {**run, "best_round": 1}


@unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib (python3-matplotlib)")
class Figures(ToolTest):
    def scaling(self, rows, model=None, kind="strong"):
        table = self.write("table.json", a_table(rows, kind))
        return scaling.draw(table, self.write("model.json", model) if model else None)

    def phases(self, rows):
        return phases.draw([self.write("table.json", a_table(rows))])

    def curves(self, *runs):
        files = [self.write(f"{n}.json", run) for n, run in enumerate(runs)]
        return curves.draw(files, "valid_ndcg_50")

    def roofline(self, entries, **context):
        ceilings = {"ceiling_fma_flop_per_s": "1e11", "ceiling_copy_bytes_per_s": "1e10"}
        document = {"context": ceilings | context, "benchmarks": entries}
        return roofline.draw(self.write("kernels.json", document))

    def check(self, figure):
        self.assertEqual(faults(figure), [])
        return "\n".join(
            artist.get_text() for artist in figure.findobj(lambda a: hasattr(a, "get_text"))
        )

    def test_the_published_pictures(self):
        draw = {
            "curves": lambda files: curves.draw(files, "valid_ndcg_50"),
            "phases": phases.draw,
            "privacy": lambda files: privacy.draw(*files),
            "scaling": lambda files: scaling.draw(*files),
            "roofline": lambda files: roofline.draw(*files),
        }
        for what, tables, names in redraw.PICTURES:
            with self.subTest(names[0]):
                self.check(draw[what]([RESULTS / table for table in tables]))

    def test_a_scaling_study_of_one_point(self):
        self.check(self.scaling([a_row(1, 0.3)]))
        self.check(self.scaling([a_row(3, 7000.0)], a_model([(3, 6500.0)])))
        words_of_it = self.check(self.phases([a_row(1, 0.3)]))
        self.assertIn("1 node, 1 rank × 1 thread", words_of_it)
        self.assertIn("too short to see, below 0.5% of the longest bar: commit", words_of_it)

    def test_narrow_wide_and_tiny_ranges_have_ticks(self):
        for seconds in ((0.1, 0.1001), (0.102, 0.109), (1e-6, 2e3), (0.0995, 0.1)):
            with self.subTest(seconds):
                rows = [a_row(1, seconds[0]), a_row(2, seconds[1])]
                self.check(self.scaling(rows, kind="weak"))

    def test_points_of_the_same_cores_stand_apart(self):
        rows = [a_row(1, 1.0), a_row(2, 0.5), a_row(2, 0.5, ranks=1, threads=2)]
        figure = self.scaling(rows)
        self.check(figure)
        left = figure.axes[0]
        places = [one.lines[0].get_xdata().tolist() for one in left.containers]
        self.assertEqual(len({at for some in places for at in some}), 3)

    def test_missing_numbers_are_left_out_and_named(self):
        lost = a_row(4, 1.0, round_s=None, invalid=["repeat-0: lost"], runs=0)
        bare = a_row(2, 0.6, round_s_low=None, round_s_fastest=None, communication_share=None)
        said = self.check(self.scaling([a_row(1, 1.0), bare, lost]))
        self.assertIn("1 INVALID run left out", said)
        self.assertIn("no valid run: 1 node, 4 ranks × 1 thread", said)
        self.assertIn("INVALID", self.check(self.phases([a_row(1, 1.0), bare, lost])))

    def test_a_busy_machine_is_told(self):
        busy = {"load": "busy", "load_before": 24.0, "load_after": 23.0, "usable_cores": 2}
        told = "busy machine: load 24.0 on 2 cores"
        rows = [a_row(1, 1.0, **busy), a_row(2, 0.5)]
        self.assertIn(told, self.check(self.scaling(rows)))
        self.assertIn(told, self.check(self.phases(rows)))
        entries = [a_benchmark("k/1", 1.0, 1e9), a_benchmark("k/2", 2.0, 2e9)]
        context = {"load_avg": [24.0, 20.0, 9.0], "num_cpus": 2}
        self.assertIn(told, self.check(self.roofline(entries, **context)))
        self.assertNotIn("busy", self.check(self.roofline(entries, load_avg=[1.0], num_cpus=2)))

    def test_equal_and_short_curves(self):
        equal = self.check(self.curves(a_result(), a_result(config={"fusion": "gfmfr"})))
        self.assertIn("equal to FCF, no fusion", equal)
        said = self.check(self.curves(short(a_result(), 1)))
        self.assertIn("validation NDCG@50 (%)", said)
        self.assertIn("2,000 clients, 1,000 items", said)
        self.check(self.curves(short(a_result(), 2), short(a_result(config={"seed": 1}), 2)))

    def test_a_run_without_values_is_named_and_not_drawn(self):
        rounds = len(a_result()["metrics"]["round"])
        nothing = {"valid_ndcg_50": [None] * rounds, "valid_clients": [0.0] * rounds}
        empty = a_result(config={"fusion": "mlp"}, metrics=nothing)
        bad = a_result(config={"backbone": "fedncf"}, status="failed")
        said = self.check(self.curves(a_result(baselines={"valid_ndcg_50": []}), empty, bad))
        self.assertIn("no value, not drawn: FCF, MLP, seed 0", said)
        self.assertIn("INVALID, not drawn: FedNCF, no fusion, seed 0", said)
        self.assertNotIn("most popular", said)

    def test_every_point_of_a_roofline_has_its_number(self):
        crowd = [
            a_benchmark(f"rank_count/0/{items}", 10 + 0.01 * items, 1e9 + 1e5 * items, label="x_y")
            for items in range(1, 33)
        ]
        crowd += [a_benchmark("new_kernel/some_case/8", 0.1, 1e8)]
        figure = self.roofline(crowd)
        said = self.check(figure)
        self.assertEqual(len(figure.axes[0].texts), 33)
        for name in ("ranking", " 1  x y, 1 item\n", "32  x y, 32 items", "33  some case, 8"):
            self.assertIn(name, said + "\n")
        self.check(self.roofline([a_benchmark("k/1", 1.0, 1e9)]))

    def test_a_device_beside_the_cpu(self):
        ceilings = {
            f"ceiling_{n}_FLOP/s": rate
            for n, rate in (("tensor", 6e14), ("fma", 6e13), ("sgemm", 5e13))
        }
        device = a_benchmark("k/cuda", 3.0, 1e12, label="some chip", **ceilings)
        device |= {"ceiling_copy_B/s": 2e12, "warm_up_ms": 1.0}
        self.check(self.roofline([a_benchmark("k/cpu", 3.0, 1e9), device]))

    def test_words(self):
        for told, right in (
            (words.count(1, "node"), "1 node"),
            (words.count(20000, "item"), "20,000 items"),
            (words.metric("test_hr_10_cold"), "test HR@10, cold items (%)"),
            (words.metric("valid_clients_warm"), "clients evaluated, validation, warm items"),
            (words.method("pfedrec", "fedvlr+gfmfr"), "PFedRec, FedVLR + GFMFR"),
            (words.shape(1, 2), "1 rank × 2 threads"),
            (words.kernel("views/forward/560", ""), ("item views, forward", "560 items")),
            (words.kernel("kmeans/step", ""), ("k-means, step", "")),
        ):
            self.assertEqual(told, right)

    def test_the_check_sees_each_fault(self):
        """What faults() must find, drawn on purpose."""
        for draw, fault in (
            (lambda axes: axes.set_yticks([0.5]), "y axis with 1 tick labels"),
            (lambda axes: axes.set_xlabel("valid_ndcg_50"), "a raw name"),
            (lambda axes: axes.set_title("1 ranks"), "not one rank"),
            (lambda axes: axes.set_title("12 client"), "more than one client"),
            (lambda axes: (axes.plot([1], [1], label="x"), axes.legend()), "a legend of nothing"),
            (lambda axes: [axes.plot([0, 1], [0, 1]) for _ in "12"], "hides another"),
            (lambda axes: [axes.text(0.5, 0.5, "word") for _ in "12"], "lies on"),
        ):
            with self.subTest(fault):
                figure, axes = style.axes()
                draw(axes)
                self.assertIn(fault, " ".join(faults(figure)))


@unittest.skipUnless(HAS_MATPLOTLIB, "no matplotlib (python3-matplotlib)")
class Files(ToolTest):
    def test_the_same_records_give_the_same_bytes(self):
        for what, tables, _ in redraw.PICTURES[:4]:
            for ending in (".png", ".svg"):
                pictures = [self.folder / f"{number}{ending}" for number in (1, 2)]
                for picture in pictures:
                    self.run_tool("bench/plot.py", *redraw.words(what, tables, [picture]))
                with self.subTest(f"{what}{ending}"):
                    self.assertEqual(*(picture.read_bytes() for picture in pictures))

    def test_the_published_pictures_are_of_the_tables_beside_them(self):
        named = {name for _, _, names in redraw.PICTURES for name in names}
        there = {
            str(path.relative_to(RESULTS))
            for ending in ("png", "svg")
            for path in RESULTS.rglob(f"*.{ending}")
        }
        self.assertEqual(there, named, "bench/redraw.py names every picture")
        for _, tables, names in redraw.PICTURES:
            source = style.source_of([RESULTS / table for table in tables]).encode()
            for name in names:
                self.assertIn(source, (RESULTS / name).read_bytes(), f"{name}: bench/redraw.py")

    def test_every_picture_is_on_a_page(self):
        pages = "\n".join(page.read_text() for page in RESULTS.rglob("*.md"))
        for _, _, (name, *_) in redraw.PICTURES:
            place = Path(name)
            self.assertRegex(pages, rf"!\[[^]]+\]\(({place.parent.name}/)?{place.name}\)")

    def test_nothing_is_written_over_a_record_or_halfway(self):
        record = self.write("run.png", json.loads((QUICKSTART / "none.json").read_text()))
        before = record.read_bytes()
        other = self.folder / "link.png"
        other.symlink_to(record)
        for out in (record, other, self.folder / "." / "run.png"):
            said = self.run_tool("bench/plot.py", "curves", record, "--out", out, code=2)
            self.assertIn("it is the input", said)
        good = self.folder / "good.svg"
        for bad in (self.folder / "bad.pdf", self.folder / "absent/bad.png", self.folder):
            self.run_tool("bench/plot.py", "curves", record, "--out", good, bad, code=2)
        self.assertFalse(good.exists())
        self.assertEqual(record.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
