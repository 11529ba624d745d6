#!/usr/bin/env python3
"""inherit_rpath.py FILE...: lets shared libraries be found by their program's RPATH.

A library with a RUNPATH of its own looks for what it needs there and nowhere else; with the same
words as an RPATH it also looks where the program that loads it does. One tag of its dynamic section
decides. Files without a RUNPATH stay as they are. 64-bit little-endian ELF files only.
"""

import struct
import sys
from pathlib import Path

PT_DYNAMIC = 2
DT_NULL, DT_RPATH, DT_RUNPATH = 0, 15, 29


def inherit(data: bytearray) -> bool:
    """Change the tag in the bytes of a file; True: there was one."""
    if data[:6] != b"\x7fELF\x02\x01":
        sys.exit("fedfuse: error: not a 64-bit little-endian ELF file")
    table, size, count = (
        struct.unpack_from("<Q", data, 32)[0],
        *struct.unpack_from("<HH", data, 54),
    )
    for header in range(table, table + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, header)
        if kind != PT_DYNAMIC:
            continue
        for entry in range(offset, offset + length, 16):
            tag = struct.unpack_from("<Q", data, entry)[0]
            if tag == DT_NULL:
                break
            if tag == DT_RUNPATH:
                struct.pack_into("<Q", data, entry, DT_RPATH)
                return True
    return False


def main() -> None:
    """Rewrite the files that need it."""
    for name in sys.argv[1:]:
        path = Path(name)
        data = bytearray(path.read_bytes())
        if inherit(data):
            path.write_bytes(data)


if __name__ == "__main__":
    main()
