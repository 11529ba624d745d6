#!/usr/bin/env python3
"""Counts the instructions of a CUDA kernel's loops in machine code.

cuobjdump -sass -arch sm_90 OBJECT | count_instructions.py KERNEL   KERNEL: a pattern of the mangled
name. Prints, of each kernel that matches, its instructions, and of each loop, innermost ones
marked, its addresses, its length and how often each operation stands in it. A pass issues the
length of its loop times its turns, once per warp. Exit code 1: no kernel matches."""

import collections
import re
import sys

FUNCTION = re.compile(r"\s+Function : (\S+)")
INSTRUCTION = re.compile(r"\s+/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([\w.]+)(.*?);")


def kernels(lines):
    """Mangled name -> [(address, operation, operands)]."""
    found, current = {}, None
    for line in lines:
        function = FUNCTION.match(line)
        if function:
            current = found.setdefault(function[1], [])
        instruction = INSTRUCTION.match(line)
        if instruction and current is not None:
            current.append((int(instruction[1], 16), instruction[2], instruction[3]))
    return found


def loops(code):
    """(first address, last address) of every branch back."""
    spans = set()
    for address, operation, operands in code:
        target = re.search(r"0x[0-9a-f]+", operands)
        if operation == "BRA" and target and int(target[0], 16) < address:
            spans.add((int(target[0], 16), address))
    return sorted(spans)


def summary(code):
    counts = collections.Counter(operation.split(".")[0] for _, operation, _ in code)
    return " ".join(f"{name} {count}" for name, count in counts.most_common(12))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    matching = {
        name: code for name, code in kernels(sys.stdin).items() if re.search(sys.argv[1], name)
    }
    for name, code in matching.items():
        print(f"{name}: {len(code)} instructions: {summary(code)}")
        spans = loops(code)
        for first, last in spans:
            body = [x for x in code if first <= x[0] <= last]
            outer = any(
                span != (first, last) and first <= span[0] and span[1] <= last for span in spans
            )
            mark = "" if outer else " innermost"
            print(f"  {first:05x}-{last:05x} {len(body)}{mark}: {summary(body)}")
    return 0 if matching else 1


if __name__ == "__main__":
    sys.exit(main())
