#!/usr/bin/env python3
"""Loops of a kernel, counted in what cuobjdump prints."""

import subprocess
import sys
import unittest

from tool import ROOT

# an outer loop 0010-0050 around 0020-0030, a forward branch, and a kernel that nobody asked for
SASS = """
\t\tFunction : train_kernel
        /*0000*/                   MOV R1, c[0x0][0x28] ;                /* 0x00000a0000017a02 */
                                                                         /* 0x000fc40000000f00 */
        /*0010*/                   LDS.128 R4, [R2] ;
        /*0020*/                   FFMA R0, R4, R5, R0 ;
        /*0030*/              @!P0 BRA 0x20 ;
        /*0040*/              @P1  BRA 0x60 ;
        /*0050*/                   BRA 0x10 ;
        /*0060*/                   EXIT ;
\t\tFunction : other_kernel
        /*0000*/                   EXIT ;
"""


def count(pattern):
    return subprocess.run(
        [sys.executable, ROOT / "bench/count_instructions.py", pattern],
        input=SASS,
        capture_output=True,
        text=True,
        check=False,
    )


class CountInstructions(unittest.TestCase):
    def test_loops_and_operations(self):
        done = count("train")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[0], "train_kernel: 7 instructions: BRA 3 MOV 1 LDS 1 FFMA 1 EXIT 1")
        self.assertEqual(lines[1], "  00010-00050 5: BRA 3 LDS 1 FFMA 1")
        self.assertEqual(lines[2], "  00020-00030 2 innermost: FFMA 1 BRA 1")

    def test_no_kernel_matches(self):
        self.assertEqual(count("absent").returncode, 1)


if __name__ == "__main__":
    unittest.main()
