#!/usr/bin/env python3
"""Checks the sources with one tool, and prints each finding as file:line: message and their number.

  lint.py format|python|shell|style
  lint.py tidy BUILD       over the translation units that BUILD/compile_commands.json names

Exit code 0: no finding; 1: findings; 77: a tool is missing (1 where CI is set).
"""

import subprocess
import sys

import files
import style
import tidy


def output_of(line: list) -> str:
    words = [str(word) for word in line]
    done = subprocess.run(words, capture_output=True, text=True, cwd=files.ROOT, check=False)
    return done.stdout + done.stderr


def findings_in(text: str) -> list[str]:
    """Lines of the form file:line:column: message; notes belong to the finding before them."""
    lines = (line.replace(f"{files.ROOT}/", "") for line in text.splitlines())
    return [line for line in lines if line.count(":") >= 3 and line.split(":")[1].isdigit()]


def check_format() -> int:
    names = map(files.relative, files.cxx_files())
    text = output_of([files.tool("clang-format"), "--dry-run", "-Werror", *names])
    return files.report("clang-format", findings_in(text))


def check_python() -> int:
    ruff = files.tool("ruff")
    names = [files.relative(path) for path in files.python_files()]
    text = output_of([ruff, "check", "--no-cache", "--output-format=concise", *names])
    unformatted = output_of([ruff, "format", "--no-cache", "--check", *names]).splitlines()
    moved = [
        f"{line.removeprefix('Would reformat: ')}:1: run ruff format"
        for line in unformatted
        if line.startswith("Would reformat: ")
    ]
    return files.report("ruff", findings_in(text) + moved)


def check_shell() -> int:
    names = map(files.relative, files.shell_files())
    line = [files.tool("shellcheck"), "--format=gcc", "--severity=style", *names]
    return files.report("shellcheck", findings_in(output_of(line)))


def main() -> int:
    files.use_python_of_the_tools()
    checks = {"format": check_format, "python": check_python, "shell": check_shell}
    checks |= {"style": style.check, "tidy": lambda: tidy.check(sys.argv[2])}
    if len(sys.argv) < 2 or sys.argv[1] not in checks:
        print(__doc__)
        return 2
    try:
        return checks[sys.argv[1]]()
    except files.Missing as missing:
        return files.skip_or_fail(str(missing))


if __name__ == "__main__":
    sys.exit(main())
