#!/usr/bin/env python3
"""Lists what was skipped in a run of ctest, with reasons: whole tests, single cases inside,
and variants of kernels.

  skipped_tests.py BUILD       reads BUILD/Testing/Temporary/LastTest.log

ctest counts a program as passed when GoogleTest or unittest skips one of its cases.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TEST = re.compile(r"^\d+/\d+ Test: (\S+)\n(.*?)^<end of output>\n(.*?)^\"", re.M | re.S)
# what a whole test says before exit code 77, which the log calls a pass
WHOLE = re.compile(r"^(?:\w+: )?skipped: (.*)", re.M)
GTEST = re.compile(r"^.*: Skipped\n(.*)\n|^\[  SKIPPED \] (\w\S*\.[^\s,]+)", re.M)
# python3 script -v: the name, then on a line of its own the docstring, if there is one
UNITTEST = re.compile(r"^ *(\w+) \(.*\)(?:\n.*)? \.\.\. skipped (['\"])(.*)\2$", re.M)
UNITTEST_COUNT = re.compile(r"^OK \(.*?skipped=(\d+)", re.M)
PART = re.compile(r"^((?:variant|device) \S+) skipped: (.*)$", re.M)  # tests/support/runnable.hpp


def skips(log: str) -> list[tuple[str, str]]:
    """Pairs of a reason and what was skipped for it."""
    found = []
    for name, output, end in TEST.findall(log):
        whole = WHOLE.search(output)
        if whole or "skipped" in end.lower():
            found.append((whole[1] if whole else "it ended with 77", name))
            continue
        reason = ""
        for reason_of_next, case in GTEST.findall(output):
            if reason_of_next:
                reason = reason_of_next
            elif (reason, f"{name}: {case}") not in found:
                known = any(what == f"{name}: {case}" for _, what in found)
                if not known:
                    found.append((reason or "no reason given", f"{name}: {case}"))
        cases = [(why, f"{name}: {case}") for case, _, why in UNITTEST.findall(output)]
        count = UNITTEST_COUNT.search(output)
        if count and not cases:
            cases.append(("no reason given: unittest without -v", f"{name}: {count[1]} cases"))
        found += cases
        found += parts(name, output)
    return found


def parts(name: str, output: str) -> list[tuple[str, str]]:
    """What a test says of the variants and devices that it leaves out, in one line a reason."""
    of_reason: dict[str, dict[str, None]] = {}
    for part, reason in PART.findall(output):
        of_reason.setdefault(reason, {})[part] = None
    return [(reason, f"{name}: {', '.join(names)}") for reason, names in of_reason.items()]


def as_text(found: list[tuple[str, str]]) -> str:
    if not found:
        return "skipped: nothing"
    reasons = dict.fromkeys(reason for reason, _ in found)
    lines = [f"skipped: {len(found)}"]
    for reason in reasons:
        lines.append(f"  {reason}")
        lines += [f"    {what}" for why, what in found if why == reason]
    return "\n".join(lines)


def main() -> int:
    log = Path(sys.argv[1]) / "Testing" / "Temporary" / "LastTest.log"
    print(as_text(skips(log.read_text(errors="replace"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
