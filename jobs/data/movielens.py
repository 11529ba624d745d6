#!/usr/bin/env python3
"""MovieLens 100k, latest-small or 1M, with titles and genres as text.

movielens.py --set 100k --archive ml-100k.zip --out out/ml-100k
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib.recipes.command import Input, Recipe, Variant, run  # noqa: E402  (the path comes first)
from lib.recipes.counts import Counts  # noqa: E402
from lib.recipes.download import Source, member, members  # noqa: E402
from lib.recipes.prepared import Prepared  # noqa: E402
from lib.recipes.rows import (  # noqa: E402
    csv_table,
    identifier,
    number,
    separated,
    something,
)
from records.errors import exit_with  # noqa: E402

DOWNLOAD = """Download the archive of the set from https://grouplens.org/datasets/movielens/
100k: ml-100k.zip (u.data, u.item, u.genre). latest-small: ml-latest-small.zip (ratings.csv,
movies.csv; GroupLens changes this set from time to time). 1m: ml-1m.zip (ratings.dat, movies.dat).
Give the archive as it is, or the folder that it unpacks to. Posters, if you have them: a folder
with one picture a film, named by its movieId, for encode.py --pictures."""
RATING = ("user", "item", "rating", "timestamp")
Row = tuple[int, list[str]]
Films = dict[str, tuple[str, str]]  # of an id: title, genres


def ratings_100k(source: Source) -> Iterator[Row]:
    yield from separated(source, "\t", RATING)


def ratings_1m(source: Source) -> Iterator[Row]:
    yield from separated(source, "::", RATING, "latin-1")


def ratings_csv(source: Source) -> Iterator[Row]:
    columns = ("userId", "movieId", "rating", "timestamp")
    for line, row in csv_table(source, columns):
        yield line, [row[name] for name in columns]


def genres_of(source: Source) -> list[str]:
    """The names of u.genre, `unknown|0` and so on, in the order of the flags of u.item."""
    return [fields[0] for _, fields in separated(source, "|", ("genre", "number"))]


def films_100k(source: Source, genres: list[str]) -> Films:
    """u.item: id, title, two dates, a URL, a flag for each genre; in Latin-1."""
    columns = ("movie id", "title", "release", "video release", "URL", *genres)
    films = {}
    for line, fields in separated(source, "|", columns, "latin-1"):
        flags = zip(genres, fields[5:])
        names = [name for name, flag in flags if flag == "1" and name != "unknown"]
        films[identifier(source, line, "movie id", fields[0])] = (fields[1], " ".join(names))
    return films


def films_1m(source: Source) -> Films:
    films = {}
    for line, fields in separated(source, "::", ("MovieID", "Title", "Genres"), "latin-1"):
        films[identifier(source, line, "MovieID", fields[0])] = (fields[1], words(fields[2]))
    return films


def films_csv(source: Source) -> Films:
    films = {}
    for line, row in csv_table(source, ("movieId", "title", "genres")):
        films[identifier(source, line, "movieId", row["movieId"])] = (
            row["title"],
            words(row["genres"]),
        )
    return films


def words(genres: str) -> str:
    return "" if genres == "(no genres listed)" else genres.replace("|", " ")


def read(files: dict[str, Path], prepared: Prepared) -> None:
    archive = files["archive"]
    found = members(archive, DOWNLOAD)

    def of(name: str) -> Source:
        """The file of the archive; a folder may have another name."""
        folder = f"ml-{prepared.chosen.set}" if not archive.is_dir() else archive.resolve().name
        return member(found, archive, f"{folder}/{name}", DOWNLOAD)

    if prepared.chosen.set == "100k":
        source, rows = of("u.data"), ratings_100k
        films = films_100k(of("u.item"), genres_of(of("u.genre")))
    elif prepared.chosen.set == "1m":
        source, rows = of("ratings.dat"), ratings_1m
        films = films_1m(of("movies.dat"))
    else:
        source, rows = of("ratings.csv"), ratings_csv
        films = films_csv(of("movies.csv"))
    for line, (user, item, rating, time) in rows(source):
        prepared.interaction(
            identifier(source, line, "user", user),
            identifier(source, line, "item", item),
            number(source, line, "rating", rating),
            number(source, line, "timestamp", time),
        )
    something(source.label, len(prepared.interactions.of_user))
    known = prepared.write_items(("title", "genres"), films)
    prepared.report("titles", known)


RECIPE = Recipe(
    name="MovieLens",
    download=DOWNLOAD,
    inputs=(Input("archive", "the zip, or its unpacked folder"),),
    variants={
        "100k": Variant(
            published=Counts(943, 1682, 100000),
            md5={"archive": "0e33842e24a9c977be4e0107933c0723"},
        ),
        "latest-small": Variant(
            # of September 2018; 9,742 films are listed, not all of them are rated
            published=Counts(610, None, 100836),
            papers={"FedVLR's paper": Counts(610, 3650, 90274)},
            min_item=5,
        ),
        "1m": Variant(
            published=Counts(6040, None, 1000209),
            md5={"archive": "c4d9eecfca2ab87c1945afe126590906"},
        ),
    },
    read=read,
)

if __name__ == "__main__":
    exit_with(lambda: run(RECIPE))
