"""What no other tool checks: columns, blanks at the end of a line, statements chained by commas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import files

COLUMNS = 100


def check() -> int:
    with_columns = {
        *files.cxx_files(),
        *files.python_files(),
        *files.shell_files(),
        *files.cmake_files(),
    }
    found = []
    for path in sorted(with_columns):
        found += faults_of_lines(files.relative(path), path.read_text())
    chains = Chains()
    for path in files.cxx_files():
        if path.suffix != ".in":
            found += chains.faults(files.relative(path), path.read_bytes())
    return files.report("style", found)


def faults_of_lines(name: str, text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{name}:{number}:"
        if len(line) > COLUMNS:
            found.append(f"{where} {len(line)} columns, at most {COLUMNS}")
        if line != line.rstrip():
            found.append(f"{where} blanks at the end of the line")
        if "\t" in line:
            found.append(f"{where} a tab")
    if not text.endswith("\n") or text.endswith("\n\n"):
        found.append(f"{name}:{text.count(chr(10)) + 1}: the file does not end with one newline")
    return found


class Chains:
    """Finds `a = 1, b = 2;`: an expression statement whose expression is a comma expression."""

    def __init__(self) -> None:
        try:
            import tree_sitter
            import tree_sitter_cpp
        except ImportError as error:
            raise files.Missing(f"this Python has no {error.name}: run jobs/test.sh") from error
        self.parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))

    def faults(self, name: str, text: bytes) -> list[str]:
        found = []
        waiting: list[Any] = [self.parser.parse(text).root_node]
        while waiting:
            node = waiting.pop()
            if node.type == "expression_statement" and is_chain(node):
                line = node.start_point[0] + 1
                found.append(f"{name}:{line}: statements are chained by commas")
            waiting += node.children
        return found


def is_chain(node: Any) -> bool:
    return any(child.type == "comma_expression" for child in node.named_children)


def faults_of(path: Path) -> list[str]:
    """For the test of this check."""
    lines = faults_of_lines(path.name, path.read_text())
    return lines + Chains().faults(path.name, path.read_bytes())
