"""Kills training at random moments, many times, and holds the result against that of a run which
nobody disturbed, bit for bit.

    kill_test.py --program build/release/fedfuse --mpirun mpirun --kills 200 --seed 1

A run is started on 1 to 3 ranks with --checkpoint-every 1 and --resume, and ended by SIGKILL after
a random time: all its ranks and mpirun, or one rank alone; now and then by SIGUSR1 to one rank,
which must end all with 75. After every kill each checkpoint under its final name must open as HDF5,
and the rounds that were saved must not have become fewer. When a run comes to its end, its result
is compared, and the next run begins, until there were enough kills. Exits with 77 where Python has
no h5py."""

import argparse
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import same_result

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
from records.mpi_environment import mpi_environment

# personal rows, routers, both of the server's networks; private heads, distillation, rates that
# fall; early stopping
SETTINGS = [
    "--backbone fedrap --fusion fedvlr+gfmfr --personal-init-std 0.01 --fraction 0.8 "
    "--distill-balance",
    "--backbone pfedrec --fusion gfmfr --regroup-every 3 --lr-decay 0.95 --lr-items-decay 0.9",
    "--backbone fcf --fusion fedvlr --lr-items 1 --patience 3 --patience-after 4 --eval-every 2",
    "--backbone fedrap --fusion group-prior --prior-groups 4 --fraction 0.7",
]
COMMON = "--dim 8 --groups 3 --teacher-epochs 2 --rounds 20 --checkpoint-every 1"
INTERRUPTED = 75


def children(pid):
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(word) for word in words]
    except OSError:
        return []


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Job:
    """One start of the program under mpirun, in a session of its own."""

    def __init__(self, options, ranks, line, folder):
        # shared memory segments would be left behind
        environment = mpi_environment() | {
            "OMP_NUM_THREADS": "1",
            "OMPI_MCA_btl": "self,tcp",
            "TMPDIR": str(folder),
        }
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [options.mpirun, "-n", str(ranks), options.program, *line.split()],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def ranks(self):
        return children(self.process.pid)

    def signal_all(self, pids, number):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def wait(self, seconds=120):
        """The exit code, once mpirun and every rank are gone: two starts must never write at the
        same time.
        """
        code = self.process.wait(seconds)
        deadline = time.time() + seconds
        while any(alive(pid) for pid in self.known):
            if time.time() > deadline:
                raise RuntimeError("a rank outlives its mpirun")
            time.sleep(0.005)
        return code

    def end(self, after, how):
        """Lets it run for a while, then ends it. The exit code, or None when it was killed."""
        self.known = set()
        deadline = time.time() + after
        while time.time() < deadline and self.process.poll() is None:
            self.known.update(self.ranks())
            time.sleep(0.002)
        pids = self.ranks()
        self.known.update(pids)
        if self.process.poll() is not None or how == "finish":
            return self.wait()
        if how == "all":
            self.signal_all([self.process.pid, *pids], signal.SIGKILL)
        elif how == "one" and pids:
            self.signal_all([random.choice(pids)], signal.SIGKILL)
        elif how == "mpirun":
            self.signal_all([self.process.pid], signal.SIGKILL)
        elif how == "usr1" and pids:
            self.signal_all([random.choice(pids)], signal.SIGUSR1)
            return self.wait()
        else:
            self.signal_all([self.process.pid, *pids], signal.SIGKILL)
        self.wait()
        return None

    def text(self):
        return self.log.read_text(errors="replace")


def saved_rounds(folder):
    """Rounds of the checkpoints that stand there; each must open."""
    import h5py

    rounds = []
    for path in folder.iterdir():
        if match := re.fullmatch(r"run\.ckpt\.(\d+)\.h5", path.name):
            with h5py.File(path) as f:
                assert f.attrs["round"] == int(match[1]), path.name
            rounds.append(int(match[1]))
    assert len(rounds) <= 3, rounds  # two, and one more for the moment before the oldest is removed
    return rounds


def generate(options, folder):
    data = folder / "data.h5"
    subprocess.run(
        [
            options.program,
            *f"generate --users 600 --items 60 --dim-text 8 --dim-image 8 --out {data}".split(),
        ],
        check=True,
    )
    return data


def undisturbed(options, folder, data, number):
    out = folder / f"expected{number}.h5"
    start = time.time()
    subprocess.run(
        [options.program, *f"train --data {data} {SETTINGS[number]} {COMMON} --out {out}".split()],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ, OMP_NUM_THREADS="2"),
    )
    return out, time.time() - start


def one_run(options, folder, data, number, expected, seconds, tally):
    """Starts and kills until the run comes to its end. True when its result is the expected one."""
    out = folder / "run.h5"
    for path in folder.glob("run.*"):
        path.unlink()
    newest = 0
    while True:
        enough = tally["kills"] >= options.kills
        how = (
            "finish"
            if enough
            else random.choices(["all", "one", "mpirun", "usr1"], [5, 4, 1, 2])[0]
        )
        ranks = random.randint(1, 3)
        job = Job(
            options,
            ranks,
            f"train --data {data} {SETTINGS[number]} {COMMON} --out {out} --resume",
            folder,
        )
        # Most of a start is MPI's own; the rounds begin after it.
        code = job.end(0 if enough else random.uniform(0.3, 0.7 + 1.5 * seconds), how)
        rounds = saved_rounds(folder)
        assert max(rounds, default=0) >= newest, f"rounds were lost: {rounds} after {newest}"
        advanced = max(rounds, default=0) > newest
        newest = max(rounds, default=0)
        if code is None:
            tally["kills"] += 1
            tally["between"] = tally.get("between", 0) + advanced
            tally[how, ranks] = tally.get((how, ranks), 0) + 1
            continue
        if how == "usr1" and code in (-signal.SIGUSR1, 128 + signal.SIGUSR1):
            continue  # it came before the program listened
        if code == INTERRUPTED:
            assert how == "usr1", job.text()
            tally["interrupted"] = tally.get("interrupted", 0) + 1
            continue
        assert code == 0, f"exit code {code} after {how}:\n{job.text()}"
        break
    found = same_result.differences(out, expected)
    print(
        f"{tally['kills']:4d} kills: setting {number}, finished on {ranks} ranks, "
        + (f"DIFFERS in {found}" if found else "the same bits"),
        flush=True,
    )
    return not found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--program", required=True)
    parser.add_argument("--mpirun", default="mpirun")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.program = str(Path(options.program).resolve())
    try:
        import h5py  # noqa: F401
    except ImportError:
        print("skipped: this Python has no h5py")
        return 77
    random.seed(options.seed)
    start = time.time()
    tally = {"kills": 0}
    runs = good = 0
    with tempfile.TemporaryDirectory(prefix="fedfuse_kill_") as name:
        folder = Path(name)
        data = generate(options, folder)
        expected = {}
        while runs == 0 or tally["kills"] < options.kills:
            number = runs % len(SETTINGS)
            if number not in expected:
                expected[number] = undisturbed(options, folder, data, number)
            good += one_run(options, folder, data, number, *expected[number], tally)
            runs += 1
    kills = tally.pop("kills")
    interrupted, between = tally.pop("interrupted", 0), tally.pop("between", 0)
    print(
        f"{kills} kills and {interrupted} interruptions in {runs} runs, {runs - good} results "
        f"lost or different, {time.time() - start:.0f} s"
    )
    print(
        f"  {between} of the kills came after the start had saved a round of its own; the "
        "others, while it began or in its first round"
    )
    for (how, ranks), count in sorted(tally.items()):
        print(f"  SIGKILL to {how} of {ranks} ranks: {count}")
    return 0 if good == runs else 1


if __name__ == "__main__":
    sys.exit(main())
