"""Damage to the bytes of a file, whatever its format, and to the lines and words of a text."""

from __future__ import annotations

from pathlib import Path
from random import Random

EXTREME_BYTES = (0x00, 0xFF, 0x7F, 0x80, 0x01)
ODD_WORDS = (
    "",
    " ",
    "-1",
    "010",
    "0x10",
    "1e400",
    "-0",
    "nan",
    "inf",
    "NULL",
    "true",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "4294967297",
    "1.7976931348623159e308",
    "\x00",
    "\ufeff",
    "\u00e4",
    '"',
    '""',
    "'",
    "[",
    "]",
    "[[",
    "{",
    "=",
    "#",
    "\\",
    ",",
    ";",
    "\r",
    "\t",
    "a" * 5000,
    "[" * 3000,
)


def flip_bits(random: Random, data: bytearray) -> None:
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data[position(random, data)] ^= 1 << random.randrange(8)


def set_bytes(random: Random, data: bytearray) -> None:
    at = position(random, data)
    for k in range(at, min(len(data), at + random.choice((1, 1, 2, 4, 8)))):
        data[k] = random.choice((*EXTREME_BYTES, random.randrange(256)))


def position(random: Random, data: bytearray) -> int:
    """Half of them near the start, where formats keep their structures."""
    last = len(data) if random.random() < 0.5 else min(len(data), 2048)
    return random.randrange(last)


def blank(random: Random, data: bytearray) -> None:
    at = position(random, data)
    n = min(len(data) - at, random.choice((8, 64, 512, 4096)))
    data[at : at + n] = bytes([random.choice(EXTREME_BYTES)]) * n


def copy_block(random: Random, data: bytearray) -> None:
    n = min(len(data), random.choice((8, 64, 512)))
    source = random.randrange(len(data) - n + 1)
    target = random.randrange(len(data) - n + 1)
    data[target : target + n] = data[source : source + n]


def insert(random: Random, data: bytearray) -> None:
    at = position(random, data)
    data[at:at] = bytes(random.randrange(256) for _ in range(random.choice((1, 3, 64))))


def delete(random: Random, data: bytearray) -> None:
    at = position(random, data)
    del data[at : at + random.choice((1, 3, 64))]


def truncate(random: Random, data: bytearray) -> None:
    del data[random.randrange(len(data)) :]


def append(random: Random, data: bytearray) -> None:
    data += bytes(random.randrange(256) for _ in range(random.choice((1, 100))))


BYTE_MUTATIONS = (
    flip_bits,
    flip_bits,
    set_bytes,
    set_bytes,
    blank,
    copy_block,
    insert,
    delete,
    truncate,
    append,
)


def mutate_bytes(random: Random, path: Path) -> str:
    data = bytearray(path.read_bytes())
    how = random.choice(BYTE_MUTATIONS)
    how(random, data)
    path.write_bytes(data)
    return how.__name__


def mutate_text(random: Random, path: Path, separators: str) -> str:
    """One to three words of a text are replaced; or its lines are dropped, doubled, shuffled."""
    lines = path.read_text(encoding="utf-8").split("\n")
    how = random.choice(("words", "words", "words", "drop", "double", "shuffle", "encode"))
    at = random.randrange(len(lines))
    if how == "words":
        for _ in range(random.randint(1, 3)):
            replace_word(random, lines, separators)
    elif how == "drop":
        del lines[at : at + random.choice((1, 2, len(lines)))]
    elif how == "double":
        lines[at:at] = [lines[at]] * random.choice((1, 500))
    elif how == "shuffle":
        random.shuffle(lines)
    text = random.choice(("\n", "\r\n", "\r")).join(lines)
    encoding = random.choice(("utf-16", "utf-8-sig", "utf-32")) if how == "encode" else "utf-8"
    path.write_bytes(text.encode(encoding))
    return how


def replace_word(random: Random, lines: list[str], separators: str) -> None:
    at = random.randrange(len(lines))
    separator = random.choice(separators)
    words = lines[at].split(separator)
    words[random.randrange(len(words))] = random.choice(ODD_WORDS)
    lines[at] = separator.join(words)
