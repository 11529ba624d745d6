"""Find the fedfuse program that belongs to these tools."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the checkout, or PREFIX/share/fedfuse


def default_program() -> Path:
    """The program of the build tree, or that of the installed tree."""
    built, installed = (
        ROOT / "build" / "release" / "fedfuse",
        ROOT.parent.parent / "bin" / "fedfuse",
    )
    return built if built.exists() or not installed.exists() else installed
