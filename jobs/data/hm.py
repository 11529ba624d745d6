#!/usr/bin/env python3
"""H&M's purchases with articles, descriptions and pictures (Kaggle).

hm.py --articles articles.csv --transactions transactions_train.csv --since 2020-09-01 --out out/hm
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib.recipes.command import Input, Recipe, Variant, run  # noqa: E402  (the path comes first)
from lib.recipes.download import Source, file_source  # noqa: E402
from lib.recipes.prepared import Prepared, check_common, plain  # noqa: E402
from lib.recipes.rows import REPAIR, csv_table, identifier, something  # noqa: E402
from records.arguments import Parser  # noqa: E402
from records.errors import Refusal, exit_with  # noqa: E402

DOWNLOAD = """Download from Kaggle, competition h-and-m-personalized-fashion-recommendations:
articles.csv and transactions_train.csv (as they are, or the .zip of each), and the folder images
for encode.py --pictures: the picture of article 0108775015 is images/010/0108775015.jpg. No
checksums are published: compare the SHA-256 that is printed with that of others."""
TEXTS = (
    "prod_name",
    "product_type_name",
    "colour_group_name",
    "department_name",
    "garment_group_name",
    "detail_desc",
)


def day_of(text: str) -> str | None:
    """The day as fedfuse import reads it: of two such texts the later one is greater."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def read_transactions(source: Source, prepared: Prepared, since: str) -> None:
    known: dict[str, str | None] = {}
    for line, row in csv_table(source, ("t_dat", "customer_id", "article_id")):
        text = row["t_dat"]
        if text not in known:
            known[text] = day_of(text)
        bought = known[text]
        if bought is None:
            raise source.refusal(line, f't_dat "{text[:40]}" is no day like 2020-09-22', REPAIR)
        if bought >= since:
            prepared.interaction(
                identifier(source, line, "customer_id", row["customer_id"]),
                identifier(source, line, "article_id", row["article_id"]),
                bought,
            )
    if not known:
        something(source.label, 0)
    if not prepared.interactions.of_user:
        raise Refusal(
            f"{source.label} has no row to use",
            f"its last day is {max(known)}, before --since",
            "give an earlier day",
        )


def read_articles(source: Source) -> dict[str, tuple[str, ...]]:
    found = {}
    for line, row in csv_table(source, ("article_id", *TEXTS)):
        item = identifier(source, line, "article_id", row["article_id"])
        found[item] = (*(plain(row[name]) for name in TEXTS), f"{item[:3]}/{item}.jpg")
    return found


def day(text: str) -> str:
    found = day_of(text)
    if found is None:
        raise argparse.ArgumentTypeError(f'"{text}" is no day like 2020-09-01')
    return found


def add_options(parser: Parser) -> None:
    parser.add_argument(
        "--since",
        type=day,
        default=date.min.isoformat(),
        help="leave out purchases before this day (2020-09-01)",
    )


def read(files: dict[str, Path], prepared: Prepared) -> None:
    articles = read_articles(file_source(files["articles"], DOWNLOAD))
    read_transactions(file_source(files["transactions"], DOWNLOAD), prepared, prepared.chosen.since)
    known = prepared.write_items(TEXTS, articles, image=True)
    prepared.report("articles", known)
    check_common(
        known > 0,
        files["articles"],
        files["transactions"],
        "it has none of the articles that are bought",
        "give both of the competition",
    )


RECIPE = Recipe(
    name="H&M",
    download=DOWNLOAD,
    inputs=(Input("articles", "articles.csv"), Input("transactions", "transactions_train.csv")),
    variants={"purchases": Variant()},
    read=read,
    columns=("timestamp",),
    add_options=add_options,
    pictures=True,
)

if __name__ == "__main__":
    exit_with(lambda: run(RECIPE))
