#!/usr/bin/env python3
"""The checks find what they must find, and accept what is right."""

import tempfile
import unittest
from pathlib import Path

import files
import lint
import style
import tidy

GOOD = """// a comment, with a comma; and more
void f(int a, int b) {
  for (int i = 0, j = 1; i < a; ++i, ++j) g(i, j);
  const char* text = "x = 1, y = 2;";
  call(a, b);
}
"""


class Style(unittest.TestCase):
    def faults(self, text, name="a.cpp"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text(text)
            return style.faults_of(path)

    def setUp(self):
        try:
            style.Chains()
        except files.Missing as missing:
            self.skipTest(str(missing))

    def test_good_text_has_no_faults(self):
        self.assertEqual(self.faults(GOOD), [])

    def test_chained_statements_are_found(self):
        self.assertEqual(
            self.faults("void f() {\n  a = 1, b = 2;\n  if (c) ++a, ++b;\n}\n"),
            [
                "a.cpp:3: statements are chained by commas",
                "a.cpp:2: statements are chained by commas",
            ],
        )

    def test_lines_are_held_to_the_columns(self):
        self.assertEqual(self.faults("// " + "x" * 97 + "\n"), [])
        self.assertEqual(
            self.faults("// " + "x" * 98 + "\n"), ["a.cpp:1: 101 columns, at most 100"]
        )

    def test_blanks_tabs_and_the_end_of_the_file(self):
        self.assertEqual(
            self.faults("int a; \n\tint b;"),
            [
                "a.cpp:1: blanks at the end of the line",
                "a.cpp:2: a tab",
                "a.cpp:2: the file does not end with one newline",
            ],
        )


class Tools(unittest.TestCase):
    def test_the_versions_are_pinned(self):
        for name in ("clang-format", "clang-tidy", "ruff", "shellcheck"):
            self.assertRegex(files.pinned(name), r"^\d+\.\d+\.\d+$")

    def test_every_kind_of_file_is_found(self):
        names = {files.relative(path) for path in files.shell_files()}
        self.assertLessEqual({".ci/run", "jobs/test.sh", "jobs/slurm/requeue.sbatch"}, names)
        self.assertIn("tests/lint/lint.py", map(files.relative, files.python_files()))
        self.assertIn("src/app/main.cpp", map(files.relative, files.cxx_files()))

    def test_flags_that_only_gcc_knows_are_removed(self):
        line = "c++ -O3 -Wno-restrict -fsanitize=address,undefined -fopenmp -o a.o -c a.cpp"
        self.assertEqual(tidy.for_clang(line), "c++ -O3 -fopenmp -o a.o -c a.cpp")

    def test_precompiled_headers_of_gcc_are_not_clangs(self):
        pch = "-Winvalid-pch -include /b/CMakeFiles/fedfuse_lib.dir/cmake_pch.hxx"
        line = f"c++ -O3 {pch} -include kept.hpp -o a.o -c a.cpp"
        self.assertEqual(tidy.for_clang(line), "c++ -O3 -include kept.hpp -o a.o -c a.cpp")

    def test_findings_are_told_from_other_lines(self):
        text = "a.cpp:3:4: error: x\n    3 |  code\nIn file included from b.cpp:1:\n"
        self.assertEqual(lint.findings_in(text), ["a.cpp:3:4: error: x"])


if __name__ == "__main__":
    files.use_python_of_the_tools()
    unittest.main()
