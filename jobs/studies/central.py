#!/usr/bin/env python3
"""Central references of a data set: popularity, cold-first, item-kNN, EASE; BPR, VBPR, content.

  central.py --data SET.h5 [--out CENTRAL.json] [--program build/release/fedfuse]
        [--penalties 1,10,100] [--neighbours 10,100] [--shrinkages 0,10]
        [--learned bpr,vbpr,content] [--rates 0.001,0.01] [--row-penalties 0.01,0.1] [--dim 32]

They see all training interactions in one place, so a federated method need not reach them. All
settings are chosen by validation NDCG@50 over a grid. Items are ranked as fedfuse ranks them. The
file is for summarise.py --central. --learned adds factors that are trained on pairs: bpr without,
vbpr with the items' features; and content: a ridge regression of each client's interactions on the
features alone, with --penalties. The same input gives the same numbers on the same machine.

The largest arrays take 8 bytes x (4 items^2 + 3 clients x items): 3.2 GB and more for 10,000 items.
Needs NumPy and h5py (Debian: python3-numpy python3-h5py).
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib import central_rows, search_grid  # noqa: E402  (the path comes first)
from records import identity, outputs  # noqa: E402
from records.arguments import Parser, filled, real, whole  # noqa: E402
from records.errors import Refusal, exit_with, reading  # noqa: E402
from records.program import default_program  # noqa: E402

MOST_ITEMS = 20_000
MOST_PAIRS = 500_000_000
PENALTIES = "1,3,10,30,100,300,1000,3000"
NEIGHBOURS = "5,10,20,50,100,200,500,1000"
SHRINKAGES = "0,3,10,30,100,300,1000"
LEARNED = ("bpr", "vbpr", "content")
RATES = "0.003,0.01,0.03"
ROW_PENALTIES = "0.0001,0.001,0.01,0.1"


def list_of(kind):
    """Numbers between commas."""
    return lambda words: sorted({kind(word) for word in words.split(",")})


def above_zero(why_not_zero):
    def number(word):
        if (found := real(0)(word)) == 0:
            raise argparse.ArgumentTypeError(why_not_zero)
        return found

    return number


penalty = above_zero("0 is no penalty: the matrix of EASE has no inverse")
rate = above_zero("0 is no rate: nothing is learned")


def learned(words):
    """Names between commas."""
    names = words.split(",")
    for name in names:
        if name not in LEARNED:
            raise argparse.ArgumentTypeError(f'"{name}" is none of {", ".join(LEARNED)}')
    return [name for name in LEARNED if name in names]


def parse_arguments():
    parser = Parser(description=__doc__)
    parser.add_argument("--data", required=True, type=filled)
    parser.add_argument("--out", type=Path, help="JSON; default: the numbers are only printed")
    parser.add_argument(
        "--program",
        default=str(default_program()),
        help="names the identity of the data; default: build/release/fedfuse, or the installed one",
    )
    parser.add_argument("--penalties", type=list_of(penalty), default=PENALTIES, help="of EASE")
    parser.add_argument("--neighbours", type=list_of(whole(1)), default=NEIGHBOURS)
    parser.add_argument("--shrinkages", type=list_of(real(0)), default=SHRINKAGES)
    group = parser.add_argument_group("factors trained on pairs")
    group.add_argument("--learned", type=learned, default=[], help="bpr, vbpr, content")
    group.add_argument("--rates", type=list_of(rate), default=RATES, help="of Adam")
    group.add_argument("--row-penalties", type=list_of(real(0)), default=ROW_PENALTIES)
    group.add_argument("--dim", type=whole(1), default=32, help="of each table of factors")
    group.add_argument("--epochs", type=whole(1), default=200, help="at most")
    group.add_argument("--seed", type=whole(0), default=0)
    return parser.parse_args()


def read_data(path):
    import h5py
    import numpy as np

    from lib.central_methods import Data

    try:
        with reading(path, "data set of fedfuse"), h5py.File(path) as file:
            clients, items = int(file.attrs["clients"]), int(file.attrs["items"])
            if items > MOST_ITEMS:
                raise Refusal(
                    f"{path} has {items:,} items",
                    f"item-kNN and EASE hold {items:,} x {items:,} matrices, "
                    f"{8e-9 * items * items:.1f} GB each; {MOST_ITEMS:,} items are the most",
                    "leave the central references out, or use a data set with fewer items",
                )
            if clients * items > MOST_PAIRS:
                raise Refusal(
                    f"{path} has {clients:,} clients and {items:,} items",
                    f"their dense matrix takes {8e-9 * clients * items:.1f} GB, several times; "
                    f"{MOST_PAIRS:,} pairs are the most",
                    "leave the central references out, or use a smaller data set",
                )
            offsets, trained = file["interactions/offsets"][:], file["interactions/items"][:]
            matrix = np.zeros((clients, items), np.uint8)
            matrix[np.repeat(np.arange(clients), np.diff(offsets)), trained] = 1
            return Data(matrix, file["split/valid"][:], file["split/test"][:])
    except OSError as error:
        raise Refusal(f"{path} cannot be read", str(error), "give a data set of fedfuse") from error


def read_features(path):
    """M x F, the modalities side by side."""
    import h5py

    from lib.central_pairwise import scaled

    with reading(path, "data set of fedfuse"), h5py.File(path) as file:
        found = [file[name][:] for name in ("items/text", "items/image") if name in file]
    if not found:
        raise Refusal(
            f"{path} has no features",
            "VBPR and content learn from the features of items, and there are none",
            "use --learned bpr, or a data set with text or image features",
        )
    return scaled(found)


def best(tried):
    return max(tried, key=lambda one: one["valid_ndcg_50"] or -1.0)


def best_of_shrinkage(data, both, shrinkage, neighbours):
    from lib import central_methods as central

    similar = central.cosine(both, shrinkage)
    least = central.nearest(similar, neighbours)
    grid = [{"shrinkage": shrinkage, "neighbours": count} for count in neighbours]
    return central.best_of(
        data, grid, lambda s: central.item_knn(data, similar, least[s["neighbours"]])
    )


def methods(data, penalties, neighbours, shrinkages):
    from lib import central_methods as central

    found = {}
    for name, scores in (
        ("popularity", central.popularity(data)),
        ("cold-first", central.cold_first(data)),
    ):
        found[name] = central.quality(data, central.ranks(data, scores))
    most = data.interactions.shape[1]
    both = central.pairs(data)
    found["item-kNN"] = best(
        best_of_shrinkage(data, both, shrinkage, neighbours) for shrinkage in shrinkages
    )
    del both
    grid = [{"penalty": penalty} for penalty in penalties]
    found["EASE"] = central.best_of(data, grid, lambda s: central.ease(data, s["penalty"]))
    grids = {"penalty": penalties, "shrinkage": shrinkages, "neighbours": neighbours}
    for name in ("item-kNN", "EASE"):
        found[name]["edge"] = edges(found[name]["settings"], grids, most)
    return found


def best_content(arguments, data):
    from lib import central_methods as central

    features = read_features(arguments.data)
    grid = [{"penalty": penalty} for penalty in arguments.penalties]
    one = central.best_of(data, grid, lambda s: central.content(data, features, s["penalty"]))
    most = data.interactions.shape[1]
    return one | {"edge": edges(one["settings"], {"penalty": arguments.penalties}, most)}


def learned_methods(arguments, data):
    from lib import central_pairwise as pairwise

    plan = pairwise.Plan(dim=arguments.dim, epochs=arguments.epochs, seed=arguments.seed)
    grids = {"rate": arguments.rates, "penalty": arguments.row_penalties}
    ends = {**grids, "epochs": [1, arguments.epochs]}
    found = {}
    if "content" in arguments.learned:
        found["content"] = best_content(arguments, data)
    for name in arguments.learned:
        if name == "content":
            continue
        features = read_features(arguments.data) if name == "vbpr" else None
        one = pairwise.best_of(data, features, *grids.values(), plan)
        one["edge"] = edges(one["settings"], ends, data.interactions.shape[1])
        found[name.upper()] = one
    return found


def edges(settings, grids, most):
    """The settings on the edge of their grids. All items as neighbours are an end, too."""
    axes = {
        name: search_grid.axis([*values, most] if name == "neighbours" else values)
        for name, values in grids.items()
    }
    return [name for name, value in settings.items() if axes[name].edge(value)]


def main():
    arguments = parse_arguments()
    if arguments.out:
        outputs.check(arguments.out, [Path(arguments.data)])
    try:
        import h5py  # noqa: F401
        import numpy  # noqa: F401
    except ImportError as error:
        raise Refusal(
            "central.py cannot run",
            str(error),
            "apt-get install python3-numpy python3-h5py, and use /usr/bin/python3",
        ) from error
    of_data = identity.ask_data(arguments.program, arguments.data)
    data = read_data(arguments.data)
    grids = {name: getattr(arguments, name) for name in ("penalties", "neighbours", "shrinkages")}
    found = methods(data, **grids) | learned_methods(arguments, data)
    if arguments.learned:
        grids |= {"rates": arguments.rates, "row_penalties": arguments.row_penalties}
        grids |= {name: getattr(arguments, name) for name in ("dim", "epochs", "seed")}
    for name, values in found.items():
        hr, ndcg = (values[f"test_{metric}_50"] for metric in ("hr", "ndcg"))
        shown = " / ".join("–" if v is None else f"{100 * v:.1f}" for v in (hr, ndcg))
        chosen = "".join(f", {key} {value:g}" for key, value in values.get("settings", {}).items())
        on_edge = ", ".join(values.get("edge", []))
        edge = f"; on the edge of its grid: {on_edge}" if on_edge else ""
        print(f"{name}: test HR@50 / NDCG@50 {shown}{chosen}{edge}")
    if arguments.out:
        document = {
            "format": central_rows.FORMAT,
            "schema_version": 1,
            "identity": {"data": of_data},
            "grids": grids,
            "methods": found,
        }
        outputs.write_text(arguments.out, json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    exit_with(main)
