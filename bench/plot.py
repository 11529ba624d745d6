#!/usr/bin/env python3
"""Learning curves of result files, as PNG or SVG.

  plot.py RESULT.h5... --out curves.png [--metric ndcg_50] [--split valid]

One line a file; the best round is marked; popularity is the dashed line. Needs h5py and matplotlib
(Debian: python3-h5py python3-matplotlib).
"""
import argparse
import json
import sys

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (after the backend is chosen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+")
    parser.add_argument("--out", required=True)
    parser.add_argument("--metric", default="ndcg_50")
    parser.add_argument("--split", default="valid", choices=["valid", "test"])
    arguments = parser.parse_args()
    column = f"{arguments.split}_{arguments.metric}"
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    title = ""
    for path in arguments.results:
        with h5py.File(path) as f:
            if f.attrs["status"] == "failed":
                sys.exit(f"{path}: the run failed: {f.attrs['status_text']}")
            config = json.loads(f.attrs["config"])
            rounds, values = f["metrics/round"][:], f[f"metrics/{column}"][:]
            best = int(f.attrs["best_round"]) - 1
            (line,) = axes.plot(rounds, values, label=f"{config['backbone']} + {config['fusion']}")
            axes.plot(rounds[best], values[best], "o", color=line.get_color(), markersize=5)
            popularity = f[f"baselines/{column}"][0]
            title = f"{config['data'].rsplit('/', 1)[-1]}, negatives {config['negatives']}"
    axes.axhline(popularity, linestyle="--", color="grey", linewidth=1, label="popularity")
    axes.set(xlabel="round", ylabel=column, title=title)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
