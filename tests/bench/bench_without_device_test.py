#!/usr/bin/env python3
"""bench_kernels as a person without a device runs it, with no filter: every row of the CPU gives
numbers, every row of a device says why it was skipped, no row times a kernel that is emulated for
proof, and every kernel has a row of the CPU, whose name begins with the kernel's folder. The shares
of a row follow from its floors, and these from the ceilings of the record.

bench_without_device_test.py BENCH_KERNELS KERNELS"""

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
FLOORS = ("of_fma", "of_copy", "of_floor", "fma_floor_s", "bytes_floor_s", "cache_level")

# kernels whose formula counts each byte of the data once
HOLDS_EACH_BYTE_ONCE = re.compile("rank_count/|preference_map/|kmeans/|views/|group_prior/gradient")


def is_near(a, b):
    return math.isclose(a, b, rel_tol=2e-3)  # ceilings have four digits


def faults_of_ceilings(context):
    if not context.get("fedfuse_target"):
        return ["the record does not name the target"]
    name = f"ceiling_fma_{context.get('ceiling_fma_bits')}_flop_per_s"
    widths = [
        int(key.split("_")[2])
        for key in context
        if key.startswith("ceiling_fma_") and key.split("_")[2].isdecimal()
    ]
    if not widths or context.get("ceiling_fma_bits") != str(max(widths)):
        return [f"ceiling_fma_bits is not the widest of {widths}"]
    if context["ceiling_fma_flop_per_s"] != context[name]:
        return [f"ceiling_fma_flop_per_s is not {name}"]
    return []


def faults_of_floors(row, context):
    """Of a row with FLOP and bytes by formula."""
    missing = [name for name in FLOORS if name not in row]
    if missing:
        return [f"it has no {', '.join(missing)}"]
    faults = []
    is_of_wall_time = "/real_time" in row["name"]
    seconds = row["real_time" if is_of_wall_time else "cpu_time"] * UNITS[row["time_unit"]]
    larger = max(row["fma_floor_s"], row["bytes_floor_s"])
    if not is_near(row["of_floor"], larger / seconds):
        faults.append("of_floor is not the larger floor over the time")
    if not is_near(row["of_fma"], row["fma_floor_s"] / seconds):
        faults.append("of_fma is not its floor over the time")
    if is_of_wall_time:  # of several threads
        return faults
    if not is_near(row["fma_floor_s"], row["FLOP"] / float(context["ceiling_fma_flop_per_s"])):
        faults.append("fma_floor_s is not of the widest vectors")
    if not is_near(row["of_copy"], row["B/s"] / float(context["ceiling_copy_bytes_per_s"])):
        faults.append("of_copy is not of the copy")
    level = round(row["cache_level"])
    name = f"ceiling_l{level}_read_bytes_per_s" if level else "ceiling_copy_bytes_per_s"
    passed = {name, "ceiling_l1_read_bytes_per_s"} & set(context)
    most = row["bytes"] / min(float(context[one]) for one in passed)  # each byte once
    if row["bytes_floor_s"] > 1.002 * most:
        faults.append(f"bytes_floor_s is above {most:.3g}, that of {passed}")
    if HOLDS_EACH_BYTE_ONCE.match(row["name"]) and not is_near(row["bytes_floor_s"], most):
        faults.append(f"bytes_floor_s is not {most:.3g}, that of {passed}")
    return faults


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
        record = json.loads(Path(out).read_text())
    rows, context = record["benchmarks"], record["context"]
    faults, on_device = faults_of_ceilings(context), 0
    for row in rows:
        where, error = f"{row['name']} ({row.get('label', '')})", row.get("error_message", "")
        if "/cuda" in row["name"]:
            on_device += 1
            if not error.startswith("skipped: "):
                faults.append(f"{where} does not say why it was skipped: {error or 'it ran'}")
        elif error or not row.get("cpu_time", 0) > 0:
            faults.append(f"{where} gives no time: {error}")
        elif "FLOP" in row:
            faults.extend(f"{where}: {what}" for what in faults_of_floors(row, context))
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
