#!/usr/bin/env python3
"""bench_kernels as a person without a device runs it, with no filter: every row of the CPU gives
numbers, every row of a device says why it was skipped, no row times a kernel that is emulated for
proof, and every kernel has a row of the CPU, whose name begins with the kernel's folder.

bench_without_device_test.py BENCH_KERNELS KERNELS"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    hidden = {
        name: value for name, value in os.environ.items() if name != "FEDFUSE_BENCH_EMULATED"
    } | {"CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/all.json"
        done = subprocess.run(
            [
                sys.argv[1],
                "--benchmark_min_time=0.001",
                f"--benchmark_out={out}",
                "--benchmark_out_format=json",
            ],
            env=hidden,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            print(f"exit code {done.returncode}\n{done.stderr[-2000:]}")
            return 1
        rows = json.loads(Path(out).read_text())["benchmarks"]
    faults, on_device = [], 0
    for row in rows:
        where, error = f"{row['name']} ({row.get('label', '')})", row.get("error_message", "")
        if "/cuda" in row["name"]:
            on_device += 1
            if not error.startswith("skipped: "):
                faults.append(f"{where} does not say why it was skipped: {error or 'it ran'}")
        elif error or not row.get("cpu_time", 0) > 0:
            faults.append(f"{where} gives no time: {error}")
        if "emulated" in where or "cuda" in row.get("label", ""):
            faults.append(f"{where} is no row of a processor")
    timed = [row["name"] for row in rows if "/cuda" not in row["name"]]
    # what kernels share; a kernel of devices only
    no_cpu_kernel = {"dense", "gather"}
    folders = sorted(entry.name for entry in os.scandir(sys.argv[2]) if entry.is_dir())
    faults.extend(
        f"no row of the CPU times {folder}"
        for folder in folders
        if folder not in no_cpu_kernel and not any(name.startswith(folder) for name in timed)
    )
    if on_device == 0 or on_device == len(rows):
        faults.append(f"{on_device} of {len(rows)} rows are a device's")
    print(
        "\n".join(faults)
        if faults
        else f"{len(rows) - on_device} rows of the processor, {on_device} of a device skipped"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
