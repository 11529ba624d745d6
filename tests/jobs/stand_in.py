#!/usr/bin/env python3
"""A program that keeps fedfuse's promises about signals and nothing else, so that the requeue
script is tested alone.

It counts rounds of 0.1 s into --out; on USR1 or TERM it finishes the round, saves the count and
exits 75; --resume goes on from it.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

ROUNDS, AGAIN = 20, 75
asked = threading.Event()


def stop_after_this_round(*_):
    asked.set()


def main() -> int:
    words = sys.argv[1:]
    if words == ["--version"]:
        print("stand-in")
        return 0
    signal.signal(signal.SIGUSR1, stop_after_this_round)
    signal.signal(signal.SIGTERM, stop_after_this_round)
    out = Path(words[words.index("--out") + 1])
    saved = out.with_suffix(".saved")
    rounds = json.loads(saved.read_text()) if "--resume" in words and saved.exists() else []
    start = len(rounds)
    while len(rounds) < ROUNDS:
        time.sleep(0.1)
        rounds.append(len(rounds) + 1)
        if len(rounds) == 5 and start == 0:
            out.with_suffix(".ready").touch()
            while not asked.is_set():  # the test sends its signal now
                time.sleep(0.01)
        if asked.is_set():
            saved.write_text(json.dumps(rounds))
            return AGAIN
    out.with_suffix(".json").write_text(
        json.dumps({"rounds": rounds, "resumed_after": start, "host": os.uname().nodename})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
