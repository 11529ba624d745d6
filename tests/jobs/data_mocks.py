"""Small downloads in the formats of the publishers: what the recipes of jobs/data read."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

USERS, ITEMS = 12, 8
GENRES = ("unknown", "Action", "Comedy", "Drama")


def rows(users: int = USERS, items: int = ITEMS) -> list[tuple[int, int, int]]:
    """User, item, time, both from 1: every user has four of the items; the last is in no row."""
    return [
        (u, 1 + (u + t * t) % (items - 1), 1000 + 10 * t + u)
        for u in range(1, users + 1)
        for t in range(4)
    ]


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def ml_100k() -> dict[str, bytes]:
    data = "".join(f"{u}\t{i}\t{1 + i % 5}\t{t}\n" for u, i, t in rows())
    flags = {1: "0|1|0|1", 2: "1|0|0|0"}
    films = "".join(
        f"{i}|Café {i} (1995)|01-Jan-1995||http://x/{i}|{flags.get(i, '0|0|1|0')}\n"
        for i in range(1, ITEMS + 1)
    )
    genres = "".join(f"{name}|{k}\n" for k, name in enumerate(GENRES))
    return {
        "ml-100k/u.data": data.encode(),
        "ml-100k/u.item": films.encode("latin-1"),
        "ml-100k/u.genre": (genres + "\n").encode(),
    }


def ml_1m() -> dict[str, bytes]:
    data = "".join(f"{u}::{i}::{1 + i % 5}::{t}\n" for u, i, t in rows())
    films = "".join(f"{i}::Café {i} (1995)::Action|Drama\n" for i in range(1, ITEMS + 1))
    return {"ml-1m/ratings.dat": data.encode(), "ml-1m/movies.dat": films.encode("latin-1")}


def ml_latest_small() -> dict[str, bytes]:
    data = "userId,movieId,rating,timestamp\n"
    data += "".join(f"{u},{i},4.5,{t}\n" for u, i, t in rows())
    films = "movieId,title,genres\r\n"
    films += '1,"Café, The (1995)",Action|Drama\r\n2,Two (1996),(no genres listed)\r\n'
    films += "".join(f"{i},Film {i},Comedy\r\n" for i in range(3, ITEMS + 1))
    return {
        "ml-latest-small/ratings.csv": data.encode(),
        "ml-latest-small/movies.csv": films.encode(),
    }


MOVIELENS = {"100k": ml_100k, "1m": ml_1m, "latest-small": ml_latest_small}


def asin(item: int) -> str:
    return f"B{item:09}"


def reviews() -> str:
    return "".join(
        json.dumps(
            {
                "reviewerID": f"A{u}",
                "asin": asin(i),
                "overall": 5.0,
                "reviewText": "good",
                "unixReviewTime": t,
            }
        )
        + "\n"
        for u, i, t in rows()
    )


def meta_2014() -> str:
    """Python literals; the last product of the rows is not described, and one is not reviewed."""
    products: list[dict[str, Any]] = [
        {
            "asin": asin(i),
            "title": f"Baby's bottle {i}",
            "description": "Warm &amp; <b>soft</b>",
            "categories": [["Baby", "Feeding"]],
        }
        for i in range(1, ITEMS - 1)
    ]
    products[1] = {"asin": asin(2), "categories": [["Baby"]]}
    return "".join(f"{product!r}\n" for product in [*products, {"asin": "B999999999"}])


def meta_2018() -> str:
    return "".join(
        json.dumps(
            {
                "asin": asin(i),
                "title": f"Bottle {i}",
                "brand": "Acme",
                "description": ["Warm.", "Soft."],
                "category": ["Baby", "Feeding"],
            }
        )
        + "\n"
        for i in range(1, ITEMS)
    )


def image_features(items: range, values: int = 4096) -> bytes:
    """Records of ten characters and float32: item k has k in all of them."""
    import numpy as np

    return b"".join(asin(i).encode() + np.full(values, i, dtype="<f4").tobytes() for i in items)


def amazon(folder: Path, year: int = 2014, **changes: Any) -> dict[str, Path]:
    """The files of one category; `changes` replaces their contents."""
    meta = meta_2014() if year == 2014 else meta_2018()
    content = {"reviews": reviews(), "meta": meta, "image-features": image_features(range(2, 12))}
    content |= changes
    files = {name: folder / f"{name}.gz" for name in ("reviews", "meta")}
    for name, path in files.items():
        path.write_bytes(gzip.compress(content[name].encode(), mtime=0))
    if content["image-features"]:
        files["image-features"] = folder / "image_features_Baby.b"
        files["image-features"].write_bytes(content["image-features"])
    return files


def ninerec(folder: Path, header: str = "") -> dict[str, Path]:
    files = {"pairs": folder / "KU_pair.csv", "items": folder / "KU_item.csv"}
    order = "{i},{u},{t}\n" if not header else "{u},{i},{t}\n"
    pairs = "".join(order.format(u=f"u{u}", i=f"v{i}", t=t * 1000) for u, i, t in rows())
    files["pairs"].write_text(header + pairs)
    titles = "".join(f'v{i},标题{i},"Title, {i}"\n' for i in range(1, ITEMS + 1))
    files["items"].write_text(titles, encoding="utf-8")
    return files


def ku(folder: Path, **changes: Any) -> dict[str, Path]:
    """Items from 0; of each user the last row is the test item and the one before validation."""
    import numpy as np

    labels = (0, 0, 1, 2)
    text = "userID,itemID,rating,timestamp,split_label\n"
    text += "".join(f"{u},{i - 1},1.0,{t},{labels[k % 4]}\n" for k, (u, i, t) in enumerate(rows()))
    files = {"inter": folder / "inter.csv"}
    files["inter"].write_text(changes.get("inter", text))
    for name in ("text", "image"):
        files[name] = folder / f"{name}_features.npy"
        made = np.arange(1, 1 + ITEMS * 4, dtype=np.float16).reshape(ITEMS, 4)
        np.save(files[name], changes.get(name, made))
    return files


def article(item: int) -> str:
    return f"0108775{item:03}"


def hm(folder: Path) -> dict[str, Path]:
    columns = (
        "article_id,product_code,prod_name,product_type_name,colour_group_name,department_name,"
        "garment_group_name,detail_desc\n"
    )
    articles = "".join(
        f'{article(i)},108775,Top {i},Vest top,Black,Basics,Jersey,"Soft, with\nstraps"\n'
        for i in range(1, ITEMS + 1)
    )
    bought = "t_dat,customer_id,article_id,price,sales_channel_id\n" + "".join(
        f"2020-09-{1 + t // 10 % 30:02},c{u},{article(i)},0.05,2\n" for u, i, t in rows()
    )
    files = {"articles": folder / "articles.csv", "transactions": folder / "transactions.zip"}
    files["articles"].write_text(columns + articles)
    zipped(files["transactions"], {"transactions_train.csv": bought.encode()})
    return files


def options(files: dict[str, Path]) -> list[object]:
    return [word for name, path in files.items() for word in (f"--{name}", path)]
