#!/usr/bin/env python3
"""What tests/support/skipped_tests.py finds in a log of ctest."""

import subprocess
import sys
import unittest

from tool import ROOT, ToolTest

TOOL = ROOT / "tests" / "support" / "skipped_tests.py"
ENTRY = """1/9 Testing: {name}
1/9 Test: {name}
Command: "x"
Output:
----------------------------------------------------------
{output}
<end of output>
Test time =   0.01 sec
----------------------------------------------------------
{ending}
"{name}" end time: Nov 29 00:00 UTC
"{name}" time elapsed: 00:00:00
----------------------------------------------------------
"""


class SkippedTests(ToolTest):
    def skipped(self, output: str, ending: str = "Test Passed.") -> str:
        self.write(
            "Testing/Temporary/LastTest.log",
            ENTRY.format(name="some_test", output=output, ending=ending),
        )
        line = [sys.executable, TOOL, self.folder]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout

    def test_nothing(self):
        self.assertEqual(self.skipped("[ RUN      ] A.b\n[       OK ] A.b"), "skipped: nothing\n")

    def test_a_whole_test(self):
        for output in ("skipped: no shellcheck", "slurmbox: skipped: no shellcheck"):
            for ending in ("Test Passed.", "Test Skipped."):
                said = self.skipped(output, ending)
                self.assertEqual(said, "skipped: 1\n  no shellcheck\n    some_test\n")
        self.assertIn("it ended with 77", self.skipped("", "Test Skipped."))

    def test_a_case_of_googletest_is_named_once_also_with_a_parameter(self):
        said = self.skipped(
            "a_test.cpp:7: Skipped\nno right to mount\n\n[  SKIPPED ] All/A.b/0 (0 ms)\n"
            "[  PASSED  ] 1 test.\n[  SKIPPED ] 1 test, listed below:\n"
            "[  SKIPPED ] All/A.b/0, where GetParam() = 3"
        )
        self.assertEqual(said, "skipped: 1\n  no right to mount\n    some_test: All/A.b/0\n")

    def test_cases_of_unittest(self):
        said = self.skipped(
            "test_a (__main__.A.test_a) ... ok\n"
            "test_b (__main__.A.test_b) ... skipped 'one core'\n"
            'test_c (__main__.A.test_c)\nWith words of its own. ... skipped "it isn\'t there"\n'
            "setUpClass (__main__.B) ... skipped 'one core'\nOK (skipped=3)"
        )
        self.assertIn("  one core\n    some_test: test_b\n    some_test: setUpClass\n", said)
        self.assertIn("  it isn't there\n    some_test: test_c\n", said)

    def test_cases_without_a_reason_are_counted(self):
        self.assertIn("some_test: 2 cases", self.skipped("Ran 5 tests\n\nOK (skipped=2)"))

    def test_variants_that_cannot_run_here(self):
        line = "variant cuda-{} skipped: there is no device\n"
        said = self.skipped(line.format("a") + line.format("b") + line.format("a"))
        expected = "  there is no device\n    some_test: variant cuda-a, variant cuda-b\n"
        self.assertIn(expected, said)


if __name__ == "__main__":
    unittest.main()
