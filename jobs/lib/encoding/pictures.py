"""Where the picture of an item is, and its pixels."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.encoding.items import Item
from records.errors import Refusal

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class Broken(Exception):
    """This picture cannot be used; the others can."""


@dataclass(frozen=True)
class Picture:
    path: Path
    name: str  # in the folder


def find(folder: Path, items: Sequence[Item]) -> list[Picture | None]:
    """The picture of each item: that of the column `image`, else the file ITEM.jpg, .png, ..."""
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise Refusal(f"{folder} cannot be used", why, "give the folder of the pictures")
    if items[0].image is not None:
        found = [_named(folder, item.image or "") for item in items]
    else:
        by_item = _listed(folder)
        found = [by_item.get(item.name) for item in items]
    if not any(found):
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:3]) or "nothing"
        wanted = items[0].image or f"{items[0].name}.jpg (or {', '.join(SUFFIXES[1:])})"
        raise Refusal(
            f"{folder} has no picture of an item",
            f"that of item {items[0].name} would be {wanted}; the folder has {names}",
            "name each picture by the id of its item, or add a column image to --items",
        )
    return found


def _named(folder: Path, name: str) -> Picture | None:
    return Picture(folder / name, name) if name and (folder / name).is_file() else None


def _listed(folder: Path) -> dict[str, Picture]:
    found: dict[str, Picture] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        other = found.setdefault(path.stem, Picture(path, path.name))
        if other.path != path:
            raise Refusal(
                f"{folder} has two pictures of item {path.stem}",
                f"{other.name} and {path.name}",
                "keep one of them",
            )
    return found


def read(picture: Picture) -> Any:
    """RGB pixels, turned as the camera says, over white where they are transparent. Broken, with
    the reason, for whatever cannot be decoded.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(picture.path) as file:
                image = ImageOps.exif_transpose(file)
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    white = Image.new("RGBA", image.size, "white")
                    image = Image.alpha_composite(white, image)
                return image.convert("RGB")
    except Exception as error:  # a damaged file fails in any of a decoder's ways
        why = str(error).replace(str(picture.path), picture.name).replace("\n", " ")
        raise Broken(f"{picture.name} cannot be decoded: {why[:120]}") from error
