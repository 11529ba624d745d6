#!/usr/bin/env python3
"""One category of the Amazon reviews of 2014 or 2018 (5-core): titles and descriptions as text, and
the image features as they are published.

  amazon.py --reviews reviews_Baby_5.json.gz --meta meta_Baby.json.gz \\
      --image-features image_features_Baby.b --out out/baby
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib.recipes.command import Input, Recipe, Variant, run  # noqa: E402  (the path comes first)
from lib.recipes.download import Source, broken_is_refused, file_source  # noqa: E402
from lib.recipes.prepared import Prepared, check_common, plain  # noqa: E402
from lib.recipes.rows import (  # noqa: E402
    REPAIR,
    identifier,
    json_lines,
    number,
    something,
)
from records.errors import Refusal, exit_with  # noqa: E402

DOWNLOAD = """Download of one category, for example Baby:
2014 (http://jmcauley.ucsd.edu/data/amazon/links.html): reviews_Baby_5.json.gz, meta_Baby.json.gz,
and image_features_Baby.b if you want the published image features.
2018 (https://nijianmo.github.io/amazon/): Baby_5.json.gz and meta_Baby.json.gz.
The files may stay compressed. No checksums are published: compare the SHA-256 that is printed with
that of others who use the set."""
ID_BYTES, VALUES = 10, 4096  # of a record of image features: the id, then little-endian float32
KEYS = ("reviewerID", "asin", "overall", "unixReviewTime")
TEXTS = ("title", "brand", "categories", "description")
ONE_CATEGORY = "give the files of one category and one year"


def read_reviews(source: Source, prepared: Prepared) -> None:
    for line, review in json_lines(source, KEYS):
        prepared.interaction(
            identifier(source, line, "reviewerID", review["reviewerID"]),
            identifier(source, line, "asin", review["asin"]),
            number(source, line, "overall", review["overall"]),
            number(source, line, "unixReviewTime", review["unixReviewTime"]),
        )
    something(source.label, len(prepared.interactions.of_user))


def texts_of(product: dict[str, Any]) -> tuple[str, ...]:
    """2014 has lists of categories; 2018 has one list, `category`."""
    values = product | {"categories": product.get("categories") or product.get("category")}
    return tuple(plain(values.get(name)) for name in TEXTS)


def read_meta(source: Source, prepared: Prepared) -> int:
    """Write items.csv. Where a product is listed twice, the first counts."""
    items, texts = prepared.interactions.items, {}
    for line, product in json_lines(source, ("asin",)):
        item = identifier(source, line, "asin", product["asin"])
        if item in items and item not in texts:
            texts[item] = texts_of(product)
    return prepared.write_items(TEXTS, texts)


def read_images(source: Source, ids: list[str]) -> Any:
    """Rows of zeros for items without features."""
    import numpy as np

    place = {item: row for row, item in enumerate(ids)}
    rows = np.zeros((len(ids), VALUES), dtype="<f4")
    size, record = ID_BYTES + 4 * VALUES, 0
    with broken_is_refused(source.label), source.open() as file:
        while block := file.read(size):
            record += 1
            item = block[:ID_BYTES].decode("latin-1").strip()
            if len(block) != size or not (item.isascii() and item.isalnum()):
                why = (
                    f"it has {len(block):,} bytes of {size:,}"
                    if len(block) != size
                    else "it does not begin with a product id"
                )
                raise Refusal(
                    f"{source.label}, record {record} cannot be used",
                    f"{why}: the file is cut off, or not of {ID_BYTES} characters and "
                    f"{VALUES:,} floats a product",
                    REPAIR,
                )
            if item in place:
                rows[place[item]] = np.frombuffer(block, "<f4", VALUES, ID_BYTES)
    something(source.label, record)
    return rows


def read(files: dict[str, Path], prepared: Prepared) -> None:
    read_reviews(file_source(files["reviews"], DOWNLOAD), prepared)
    if "meta" in files:
        known = read_meta(file_source(files["meta"], DOWNLOAD), prepared)
        prepared.report("metadata", known)
        why = "it describes none of the products that are reviewed"
        check_common(known > 0, files["meta"], files["reviews"], why, ONE_CATEGORY)
    if "image-features" in files:
        ids = prepared.item_ids()
        rows = read_images(file_source(files["image-features"], DOWNLOAD), ids)
        why = "it has features of none of the products that are reviewed"
        check_common(rows.any(), files["image-features"], files["reviews"], why, ONE_CATEGORY)
        prepared.write_matrix("image", rows, ids)


RECIPE = Recipe(
    name="Amazon reviews",
    download=DOWNLOAD,
    inputs=(
        Input("reviews", "the 5-core reviews: one JSON object a line, plain or .gz"),
        Input("meta", "the products: titles, descriptions", needed=False),
        Input("image-features", "the binary features of 2014", needed=False),
    ),
    # the papers that are compared with do not state the counts of their subsets here
    variants={"5-core": Variant()},
    read=read,
)

if __name__ == "__main__":
    exit_with(lambda: run(RECIPE))
