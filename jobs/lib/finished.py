"""Is the result in a job folder the one that a scaling study asks for?"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from records import identity
from records.program import default_program
from records.readers import read_result


class Finished:
    """Compares results with the data, the options and the program of a study as they are now. The
    program is asked when there is a result to compare.
    """

    def __init__(self, program: str, options: str):
        """options: TOML, as the runs of the study get it."""
        self.program = Path(program).resolve() if program else default_program()
        self.options = options
        self._data: dict[Path, str] = {}

    @cached_property
    def _program_identity(self) -> str:
        return identity.ask_program(self.program)

    @cached_property
    def _asked(self) -> dict[str, Any]:
        return identity.ask_config(self.program, self.options)

    def _data_identity(self, data: Path) -> str:
        if data not in self._data:
            self._data[data] = identity.ask_data(self.program, data)
        return self._data[data]

    def why_not(self, twin: Path, data: Path) -> str:
        """Why the run is to be run again; "": its result is the one that is asked for."""
        if not data.exists():
            return "its data set is made again"
        run = read_result(twin)
        of = identity.identity_of(run)
        here = {"data": self._data_identity(data), "program": self._program_identity}
        for part, value in here.items():
            if of[part] != value:
                return f"of other {part}: {identity.short(of[part])}, not {identity.short(value)}"
        other = identity.other_settings(self._asked, run)
        return f"of other options: {', '.join(other)}" if other else ""


def set_aside(folder: Path) -> None:
    """An old result is kept under a name that no tool reads."""
    for name in ("result.h5", "result.json"):
        if (folder / name).exists():
            (folder / name).replace(folder / f"{name}.stale")
