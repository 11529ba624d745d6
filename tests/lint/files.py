"""Which files are checked, where the tools are, and how findings are printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(os.environ.get("FEDFUSE_LINT_TOOLS", ROOT / "build" / "lint" / "bin"))
FOLDERS = ("src", "kernels", "bench", "jobs", "tests", ".ci")
CXX = {".cpp", ".hpp", ".cu", ".cuh", ".in"}
SKIPPED = 77


class Missing(Exception):
    """A tool is not installed, or not in the version of requirements.txt."""


def use_python_of_the_tools() -> None:
    """Starts this script again with the Python that has tree-sitter, where it is installed."""
    python = TOOLS / "python"
    # the interpreter's own path ends this, also where links or a moved folder change sys.prefix
    if python.exists() and sys.executable != str(python):
        os.execv(python, [str(python), *sys.argv])


def all_files() -> list[Path]:
    found = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    files = [path for path in found if path.is_file() and "__pycache__" not in path.parts]
    return sorted([*files, ROOT / "CMakeLists.txt"])


def cxx_files() -> list[Path]:
    return [path for path in all_files() if path.suffix in CXX]


def python_files() -> list[Path]:
    return [path for path in all_files() if path.suffix == ".py"]


def shell_files() -> list[Path]:
    return [path for path in all_files() if path.suffix in (".sh", ".sbatch") or is_script(path)]


def is_script(path: Path) -> bool:
    return path.suffix == "" and path.read_bytes()[:64].split(b"\n")[0].endswith((b"bash", b"/sh"))


def cmake_files() -> list[Path]:
    return [p for p in all_files() if p.suffix == ".cmake" or p.name == "CMakeLists.txt"]


def relative(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix()


def tool(name: str) -> str:
    """The path of a tool, in the pinned version."""
    path = TOOLS / name
    if not path.exists():
        raise Missing(f"{path} does not exist: run jobs/test.sh, or set FEDFUSE_LINT_TOOLS")
    wanted = pinned(name)
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    if wanted not in said:
        raise Missing(f"{path} is not version {wanted}, which tests/lint/requirements.txt names")
    return str(path)


def pinned(name: str) -> str:
    for line in (ROOT / "tests/lint/requirements.txt").read_text().splitlines():
        package, _, version = line.partition("==")
        if package.removesuffix("_py") == name:
            return ".".join(version.split(".")[:3])
    raise KeyError(name)


def report(check: str, findings: list[str]) -> int:
    for finding in sorted(set(findings)):
        print(finding)
    print(f"{check}: {len(set(findings))} findings")
    return 1 if findings else 0


def skip_or_fail(why: str) -> int:
    """On a person's machine the check is skipped; in continuous integration it fails."""
    if os.environ.get("CI"):
        print(f"FAILED: {why}", file=sys.stderr)
        return 1
    print(f"skipped: {why}")
    return SKIPPED
