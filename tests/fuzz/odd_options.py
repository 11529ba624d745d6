"""Random sets of options for the commands: valid values, odd values, values of another option."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import guarded_run

WHOLE = ("0", "1", "2", "3", "5", "8", "12", "007")
ODD_WHOLE = (
    "-1", "-0", "0x10", "0b1", "1e3", "1.5", "", " 3", "3 ", "2147483648", "4294967297",
    "9223372036854775807", "9223372036854775808", "99999999999999999999", "nan", "abc", "1_000",
    "1,2", "--", "\u0663",
)  # fmt: skip
REAL = ("0", "1", "0.5", "1e-300", ".5", "5.", "007.5")
ODD_REAL = (
    "-1", "1e300", "1e400", "-1e400", "inf", "-inf", "nan", "", "abc", "0x1p3", "1,5", "1e", "++1",
    "1.0f",
)  # fmt: skip
ODD_WORDS = ("", " ", "none", "NONE", "auto", "-", "a b", "gfmfr+", "\u00e4", "x" * 4000)
ODD_LISTS = (["5"], ["5,10"], ["10", "5"], ["0"], ["-1"], ["5", "5"], ["a"], [], [""])
# A valid run stays small whatever is drawn beside.
SMALL = {
    "train": {
        "rounds": "1", "dim": "8", "groups": "2", "group-dim": "8", "teacher-epochs": "1",
        "threads": "1",
    },
    "evaluate": {"threads": "1"},
    "generate": {"users": "20", "items": "60", "dim-text": "4", "dim-image": "4"},
}  # fmt: skip
# Defaults of the commands that have no --dump-config.
DEFAULTS = {
    "evaluate": 'k = [10]\ncandidates = "full"\ncold_items = "rank"\neval_clients = 0\nseed = 0\n'
    "threads = 0\n",
    "generate": "users = 20\nitems = 60\ndim_text = 4\ndim_image = 4\nactivity_min = 5\n"
    "activity_max = 0\nactivity = 12.0\nactivity_sigma = 1.0\ngroups = 5\nlatent = 16\n"
    "topics = 20\ntopic_share = 0.5\nnoise = 0.5\nmissing = 0.0\nzipf = 0.4\n"
    "taste = 2.0\njitter = 0.7\nmodality_spread = 0.8\nshuffle_features = false\nseed = 0\n"
    "sparse = false\n",
}
# Large values of these are legal and only take long; odd ones are drawn all the same.
SLOW = {"rounds", "local-epochs", "teacher-epochs", "negatives-per-positive"}
FILES = {"data", "out", "overwrite", "resume", "config"}


class Option:
    def __init__(self, name: str, value: str, choices: list[str]) -> None:
        self.name, self.default, self.choices = name, value, choices

    def words(self, random: Random) -> list[str]:
        odd = random.random() < 0.25
        flag = f"--{self.name}"
        if self.default in ("true", "false"):
            return [flag] if not odd else [f"{flag}={random.choice(ODD_WORDS)}"]
        if self.default.startswith("["):
            values = random.choice(ODD_LISTS)
            return [flag, *(random.sample(self.choices, 2) if self.choices and not odd else values)]
        return [f"{flag}={self.value(random, odd)}"]

    def value(self, random: Random, odd: bool) -> str:
        if self.default.startswith('"'):
            return random.choice(ODD_WORDS if odd or not self.choices else self.choices)
        if re.fullmatch(r"-?\d+", self.default):
            legal = WHOLE[:4] if self.name in SLOW else WHOLE
            return random.choice(ODD_WHOLE if odd else legal)
        return random.choice(ODD_REAL if odd else REAL)


def options_of(program: str, command: str) -> list[Option]:
    """Names and kinds from the defaults, choices from the help: `{full|sampled:N}`."""

    def ask(*words: str) -> str:
        return guarded_run.make(program, [command, *words], Path.cwd())

    text = re.sub(r"\s+", " ", ask("--help"))
    defaults = DEFAULTS.get(command) or ask("--dump-config")
    options = []
    # a comment may follow the value
    for name, value in re.findall(r"^(\w+) = (.*?)(?:\s+#.*)?$", defaults, re.M):
        flag = name.replace("_", "-")
        # the description of an option ends where the next option begins
        described = re.search(rf" --{flag} (.*?)(?= --[a-z]|$)", text)
        choices = re.findall(r"\{([^}]*\|[^}]*)\}", described.group(1) if described else "")
        options.append(Option(flag, value, choices[0].split("|") if choices else []))
    return [option for option in options if option.name not in FILES]


def option_set(random: Random, command: str, options: list[Option]) -> list[str]:
    drawn = random.sample(options, random.randint(1, 5))
    names = {option.name for option in drawn}
    small = SMALL[command].items()
    fixed = [w for name, value in small if name not in names for w in (f"--{name}", value)]
    return fixed + [word for option in drawn for word in option.words(random)]
