#!/usr/bin/env python3
"""The claims of the papers, each with a verdict from runs of the same search.

  claims.py --work DIR [--full] [--only ID...] [--program build/release/fedfuse] [--parallel 2]
        [--seeds 0-2] [--ledger jobs/studies/claims.json]
  claims.py --list

Data are planted (fedfuse generate). Every combination of a backbone and a fusion gets the same
number of trials on one grid, chosen by validation NDCG@50 with one seed; then every run of a claim
is made with each seed, and the seeds are paired. Runs that change one option keep the settings that
were chosen without it. A claim holds when all seeds show it, and fails when none does. The default
size takes less than an hour on two cores; --full is that of the other studies.

Writes DIR/claims.json (figures, settings, commands, what was searched) and DIR/claims.md. A
finished run in DIR is not repeated. Exit code 0, whatever the verdicts are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "bench")]
from lib import claim_runs, claim_verdicts  # noqa: E402  (the path comes first)
from lib.claim_runs import Ledger  # noqa: E402
from lib.claim_verdicts import NOT_RUN, Numbers, Verdict  # noqa: E402
from lib.seeds import seed_list  # noqa: E402
from records import outputs  # noqa: E402
from records.arguments import Parser, filled, whole  # noqa: E402
from records.errors import Refusal, exit_with, meant, reading  # noqa: E402
from records.program import default_program  # noqa: E402
from records.readers import chosen_row, read_json  # noqa: E402

FORMAT = "fedfuse-claims"
QUALITY = "metrics/test_ndcg_50"
LEARNED = ("BPR", "VBPR")  # central methods that are trained
PROTOCOLS = ("own-train", "own-all", "trained-items", "lowest-ids")

Claim = dict[str, Any]


def runs_of(claim: Claim) -> list[dict[str, Any]]:
    found = list(claim.get("runs", []))
    for name in ("a", "b"):
        one = claim.get(name, [])
        found += one if isinstance(one, list) else [one]
    if claim["kind"] == "protocols":
        found = [under(run, protocol) for protocol in PROTOCOLS for run in found]
    return found


def under(run: dict[str, Any], protocol: str) -> dict[str, Any]:
    """The run with negatives of this protocol; its settings stay."""
    return {**run, "with": {**run.get("with", {}), "negatives": protocol}}


def number_of(record: dict[str, Any] | None, where: str) -> float | None:
    """TABLE/COLUMN of the best round, or TABLE/COLUMN:first or :last for a row of the table; of
    /groups the last row, of facts the fact.
    """
    if record is None:
        return None
    place, _, which = where.partition(":")
    table, name = place.split("/")
    column = record[table].get(name)
    if table == "facts" or column is None:
        return column
    ends = {"first": 0, "last": -1}
    row = ends[which] if which else -1 if table == "groups" else chosen_row(record)
    return column[row] if row is not None and column else None


def numbers(ledger: Ledger, run: dict[str, Any], where: str = QUALITY) -> Numbers:
    return [number_of(record, where) for record in ledger.records(run)]


def central(ledger: Ledger, claim: Claim) -> float:
    """NDCG@50 of a central method on the set of the claim, whose methods are tried once."""
    name = claim["a"].get("set", "sparse")
    learned = method.lower() if (method := claim["method"]) in LEARNED else ""
    if (name, learned) not in ledger.central:
        ledger.central[name, learned] = _central_methods(ledger, name, learned)
    return float(ledger.central[name, learned][method]["test_ndcg_50"])


def _central_methods(ledger: Ledger, name: str, learned: str) -> dict[str, Any]:
    """learned: what takes minutes, trained for the claims that name it alone."""
    out = ledger.work / ("_".join(filter(None, ("central", name, learned))) + ".json")
    tool = HERE.parent / "central.py"
    data = ledger.work / f"{name}.h5"
    line = [sys.executable, str(tool), "--data", str(data), "--out", str(out)]
    line += ["--learned", learned] if learned else []
    done = subprocess.run(
        [*line, "--program", ledger.program], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Refusal("there is no central reference", done.stderr.strip(), "see central.py --help")
    with reading(out, "file of central references"):
        return read_json(out)["methods"]


def judge(ledger: Ledger, claim: Claim) -> Verdict:
    kind = claim["kind"]
    if kind == "not-run":
        return Verdict(NOT_RUN, claim["why"])
    metric = f"metrics/test_{claim['metric']}" if "metric" in claim else QUALITY
    if kind == "middle":
        values = [
            (run["with"][claim["over"]], numbers(ledger, run, metric)) for run in claim["runs"]
        ]
        return claim_verdicts.middle(values)
    if kind == "larger-gain":
        columns = {"a": claim.get("column", metric), "b": claim.get("column_b", metric)}
        first, second = (
            tuple(numbers(ledger, run, where) for run in claim[side])
            for side, where in columns.items()
        )
        return claim_verdicts.larger_gain(first, second)  # type: ignore[arg-type]
    if kind == "protocols":
        return _by_protocol(ledger, claim)
    if kind in ("at-least", "at-most", "below"):
        return _bounded(ledger, claim)
    if kind == "no-more":
        return _no_more(ledger, claim)
    a = numbers(ledger, claim["a"], metric)
    if kind == "keeps-central":
        return claim_verdicts.keeps(a, [central(ledger, claim)] * len(a), claim["share"])
    b = numbers(ledger, claim["b"], metric)
    if kind == "keeps":
        return claim_verdicts.keeps(a, b, claim["share"])
    return claim_verdicts.higher(a, b, claim.get("margin", claim_verdicts.MARGIN))


def _bounded(ledger: Ledger, claim: Claim) -> Verdict:
    a = numbers(ledger, claim["a"], claim["column"])
    if divisor := claim.get("over") or claim.get("than"):
        of = numbers(ledger, claim["a"], divisor)
        a = [x / y if x is not None and y else None for x, y in zip(a, of)]
    if claim["kind"] == "at-least":
        return claim_verdicts.bounded(a, claim["least"], is_least=True)
    return claim_verdicts.bounded(a, claim.get("most", 1.0), is_least=False)


def _by_protocol(ledger: Ledger, claim: Claim) -> Verdict:
    def as_higher(protocol: str) -> Claim:
        sides = {side: under(claim[side], protocol) for side in ("a", "b")}
        return {**claim, **sides, "kind": "higher"}

    return claim_verdicts.only_under({p: judge(ledger, as_higher(p)) for p in PROTOCOLS})


def _no_more(ledger: Ledger, claim: Claim) -> Verdict:
    a, b = (numbers(ledger, claim[side], claim["column"]) for side in ("a", "b"))
    ratios = [x / y if x is not None and y else None for x, y in zip(a, b)]
    return claim_verdicts.bounded(ratios, claim["factor"], is_least=False)


def doubts(searched: dict[str, dict[str, Any]]) -> str:
    """What a larger search or more rounds might change."""
    words = []
    for cell, found in searched.items():
        reasons = [f"best on the edge of {option}" for option in found["edge"]]
        reasons += [found["best_cut_short"]] if found["best_cut_short"] else []
        words += [f"{cell}: {reason}" for reason in reasons]
    return "; ".join(words)


def row_of(ledger: Ledger, claim: Claim) -> dict[str, Any]:
    verdict = judge(ledger, claim)
    runs = runs_of(claim)
    searched = {cell: ledger.cells[cell].summary() for cell in map(ledger.cell_of, runs)}
    return {
        **{name: claim[name] for name in ("id", "paper", "where", "claim", "kind")},
        "verdict": verdict.word,
        "figures": verdict.figures,
        "commands": [ledger.command(run) for run in runs],
        "doubts": doubts(searched),
        "searched": searched,
    }


def table(rows: list[dict[str, Any]], note: str) -> str:
    lines = [note, "", "| claim | where | verdict | figures | doubts |", "|---|---|---|---|---|"]
    for row in rows:
        text = f"{row['paper']}: {row['claim']} (`{row['id']}`)"
        figures = row["figures"].replace("|", "\\|")
        lines.append(
            f"| {text} | {row['where']} | **{row['verdict']}** | {figures} | {row['doubts']} |"
        )
    counts = {word: sum(row["verdict"] == word for row in rows) for word in _words(rows)}
    lines += ["", ", ".join(f"{count} {word}" for word, count in counts.items())]
    return "\n".join(lines) + "\n"


def _words(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["verdict"] for row in rows))


def note_of(ledger: Ledger, name: str) -> str:
    size = ledger.size
    return (
        f"Size {name}: {size['users']:,} clients, {size['items']:,} items, {size['rounds']} "
        f"rounds, {size['trials']} trials a cell, seeds {', '.join(map(str, ledger.seeds))}. "
        "NDCG@50 in percent: the mean (least to most)."
    )


def chosen_claims(plan: dict[str, Any], only: list[str] | None) -> list[Claim]:
    known = {claim["id"]: claim for claim in plan["claims"]}
    for name in only or []:
        if name not in known:
            raise Refusal(
                f'there is no claim "{name}"{meant(name, known)}',
                f"the claims are {', '.join(known)}",
                "see claims.py --list",
            )
    return [claim for claim in plan["claims"] if not only or claim["id"] in only]


def arguments() -> argparse.Namespace:
    parser = Parser(description=__doc__)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--full", action="store_true", help="the size of the other studies")
    parser.add_argument("--only", nargs="+", type=filled, metavar="ID")
    parser.add_argument("--program", default=str(default_program()), type=filled)
    parser.add_argument("--parallel", type=whole(1), default=2)
    parser.add_argument("--seeds", default="0-2", type=filled)
    parser.add_argument("--ledger", type=Path, default=HERE.with_suffix(".json"))
    parser.add_argument("--list", action="store_true", help="all claims")
    given = parser.parse_args()
    given.seeds = seed_list(given.seeds)
    if not given.list and given.work is None:
        parser.error("--work names no folder for the runs")
    return given


def main() -> int:
    given = arguments()
    size_name = "full" if given.full else "quick"
    with reading(given.ledger, "ledger of claims"):
        plan, size = claim_runs.load(given.ledger, size_name)
    claims = chosen_claims(plan, given.only)
    if given.list:
        for claim in claims:
            print(f"{claim['id']:<20} {claim['paper']:<7} {claim['claim']}")
        return 0
    outputs.make_folder(given.work)
    ledger = Ledger(plan, size, given.program, given.work, given.parallel, given.seeds)
    ledger.search({ledger.cell_of(run) for claim in claims for run in runs_of(claim)})
    rows = []
    for claim in claims:
        rows.append(row_of(ledger, claim))
        print(f"{claim['id']:<20} {rows[-1]['verdict']:<15} {rows[-1]['figures']}", flush=True)
    note = note_of(ledger, size_name)
    document = {"format": FORMAT, "schema_version": 1, "size": size, "note": note, "rows": rows}
    outputs.write_text(given.work / "claims.json", json.dumps(document, indent=1) + "\n")
    outputs.write_text(given.work / "claims.md", table(rows, note))
    return 0


if __name__ == "__main__":
    exit_with(main)
