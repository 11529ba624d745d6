#!/usr/bin/env python3
"""Holds what the CUDA compiler says of our kernels to what they claim, where no GPU is needed.

ptxas_test.py BUILD SOURCE NVCC: reads BUILD/**/*.cu.o.ptxas (kept by the build), wants of every
kernel and architecture: no spill, no stack, no more registers than its row allows, at least one
row; and of the PTX of every kernel of which a page claims instructions those it claims. Exit code
0: all hold; 1: not; 77: the build has no CUDA."""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

# kernel (pattern of its mangled name): registers a thread at most. 65,536 registers an SM: 128 let
# 512 threads run, 168 let 384, 255 let 256.
REGISTERS = {
    "train_kernel": 255,
    "linear_rows_kernel": 168,
    "check_state_kernel": 48,
    "fill_prior_kernel": 40,
    "weights_kernel": 32,
    "atomics_kernel": 64,
    "9aggregate.*count_kernel": 32,
    "scan_kernel": 64,
    "scatter_kernel": 32,
    "runs_kernel": 64,
    "clear_kernel": 32,
    "gather_kernel": 48,
    "short_rows_kernel": 48,
    "address_kernel": 40,
    "vectors_kernel": 48,
    "fold_kernel": 40,
    "draw_kernel": 80,
    "fused_kernel": 255,
    "naive_kernel": 64,
    "halve_kernel": 32,
    "blank_kernel": 32,
    "epilogue_kernel": 64,
    "prepare_kernel": 128,
    "4rank.*TowerScore": 168,
    "4rank.*tower_kernel": 255,
    "4rank.*half_kernel": 64,
    "4rank.*bias_kernel": 40,
    "4rank.*clients_kernel": 40,
    "4rank.*listed_kernel": 96,
    "6kmeans.*score_kernel": 168,
    "4rank.*count_kernel": 128,
    "transpose_kernel": 32,
    "threshold_kernel": 64,
    "correct_kernel": 128,
    "5views.*product_kernel": 168,
    "5views.*normalise_kernel": 64,
    "5views.*unnormalised_kernel": 40,
    "5views.*add_blocks_kernel": 64,
    "5views.*column_sums_kernel": 40,
    "5views.*step_kernel": 40,
    "5views.*transpose_weights_kernel": 32,
    "5views.*largest_kernel": 32,
    "5views.*back_sum_kernel": 32,
    "13group_targets.*targets_kernel": 96,
    "7teacher.*epoch_kernel": 128,
    "7teacher.*encode_kernel": 128,
    "7teacher.*hidden_kernel": 128,
    "7teacher.*gradient_kernel": 128,
    "7teacher.*apply_kernel": 64,
    "5bench.*fma_kernel": 32,
}
# kernels of the main path, by their mangled template arguments (head, routed, all in shared
# memory): the occupancy that their page states
EXACT = {
    r"train_kernel.*LinearGpuELb0ELb1E": 128,
    r"train_kernel.*MlpGpuELb0ELb1E": 168,
    r"linear_rows_kernel.*LinearRowsILi(32|64)E": 128,
    r"6kmeans.*score_kernelI[fd]Li[48]E": 128,
    r"fused_kernelILi(32|64)E": 168,
    r"4rank.*tower_kernelILi(16|32)E": 128,
}
# source, kernel (pattern of its mangled name): instructions that the PTX of every such kernel must
# hold
CLAIMS = (
    (
        "kernels/local_train/local_train.cu",
        r"train_kernel",
        [r"fma\.rn\.f32", r"ld\.global\S*\.v4"],
    ),
    (
        "kernels/local_train/linear_rows.cu",
        r"linear_rows_kernel",
        [r"fma\.rn\.f32", r"ld\.global\S*\.v4", r"ld\.shared\.v4", r"shfl\.sync\.bfly"],
    ),
    (
        "kernels/local_train/local_train.cu",
        r"train_kernel.*GpuELb[01]ELb1E",
        [r"ld\.shared\.v4\.(f32|b32)"],
    ),
    (
        "kernels/local_train/local_train.cu",
        r"train_kernel.*((MlpGpu|NeumfGpu)ELb[01]|GpuELb1)ELb1E",
        [r"mma\.sync\S*tf32", r"ld\.shared\S*\.v2"],
    ),
    (
        "kernels/aggregate/aggregate.cu",
        r"atomics_kernel(?<!float_atomics_kernel)|runs_kernel|vectors_kernel",
        [r"(atom|red)\.global\.add\.u64", r"cvt\.rni\.s64\.f32"],
    ),
    ("kernels/aggregate/aggregate.cu", r"runs_kernel", [r"ld\.global\.cs\.f32", r"max\.NaN\.f32"]),
    (
        "kernels/preference/preference.cu",
        r"fused_kernel",
        [r"mma\.sync", r"movmatrix\.sync", r"cp\.async\.cg", r"ld\.global\S*\.v4"],
    ),
    (
        "kernels/rank/rank.cu",
        r"count_kernel",
        [r"ld\.shared\.v4", r"cp\.async\.cg", r"fma\.rn\.f32"],
    ),
    (
        "kernels/rank/rank_hidden.cu",
        r"count_kernel",
        [r"ld\.shared\.v4", r"cp\.async\.cg", r"max\.NaN\.f32"],
    ),
    (
        "kernels/rank/rank_tower.cu",
        r"tower_kernel",
        [r"ld\.shared\.v4", r"fma\.rn\.f32", r"max\.NaN\.f32"],
    ),
    (
        "kernels/views/views.cu",
        r"product_kernel",
        [r"cp\.async\.c[ag]", r"ld\.shared\.v4", r"fma\.rn\.f32"],
    ),
    (
        "kernels/kmeans/kmeans.cu",
        r"score_kernelIf",
        [r"cp\.async\.c[ag]", r"ld\.shared\.v4\.(f32|b32)", r"fma\.rn\.f64"],
    ),
    (
        "kernels/kmeans/kmeans.cu",
        r"score_kernelId",
        [
            r"cp\.async\.c[ag]",
            r"ld\.shared\.v2\.(f64|b64)",
            r"fma\.rn\.f64",
            r"(atom|red)\.global\.add\.u64",
        ],
    ),
    (
        "kernels/teacher/teacher.cu",
        r"encode_kernel",
        [r"cp\.async\.cg", r"ld\.shared\.v4", r"fma\.rn\.f32"],
    ),
    (
        "kernels/teacher/teacher.cu",
        r"hidden_kernel|gradient_kernel",
        [r"ld\.global\S*\.v4", r"ld\.shared\.v4", r"fma\.rn\.f32"],
    ),
    (
        "kernels/teacher/teacher.cu",
        r"epoch_kernel",
        [r"cp\.async\.cg", r"ld\.acquire\.gpu", r"red\.release\.gpu", r"ld\.shared\.v4"],
    ),
    (
        "kernels/group_targets/group_targets.cu",
        r"targets_kernel",
        [r"ld\.global\S*\.v2\.(u64|b64)", r"fma\.rn\.f64", r"st\.global\S*\.v4"],
    ),
    ("kernels/teacher/teacher.cu", r"apply_kernel", [r"ld\.global\S*\.v4", r"st\.global\S*\.v4"]),
    ("bench/device/fma.cu", r"fma_kernel", [r"fma\.rn\.f32"]),
)


def read_reports(build):
    """Rows of (kernel, architecture, registers, stack, spill stores, spill loads) from what ptxas
    printed.
    """
    rows, kernel = [], None
    for path in sorted(pathlib.Path(build).rglob("*.cu.o.ptxas")):
        for line in path.read_text().splitlines():
            if found := re.search(r"Compiling entry function '(\S+)' for '(\S+)'", line):
                kernel = found.groups()
                stack = (0, 0, 0)
            elif found := re.search(
                r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line
            ):
                if kernel:
                    stack = tuple(int(n) for n in found.groups())
            elif kernel and (found := re.search(r"Used (\d+) registers", line)):
                rows.append((*kernel, int(found[1]), *stack))
                kernel = None
    return rows


def short(kernel):
    """The kernel's name and template arguments, without namespaces."""
    found = re.search(r"\d+?([a-z_]+_kernel)(?:I(.*?)EEv)?", kernel)
    arguments = (
        " ".join(re.findall(r"(?<=\d)[A-Z][a-z]+Gpu|(?<=L)b[01]", found[2] or "")) if found else ""
    )
    return f"{found[1]} {arguments}" if found else kernel


def faults_of(row):
    kernel, architecture, registers, stack, stores, loads = row
    where = f"{short(kernel)} ({architecture})"
    allowed = next((n for name, n in REGISTERS.items() if re.search(name, kernel)), None)
    exact = [n for pattern, n in EXACT.items() if re.search(pattern, kernel)]
    allowed = min(exact, default=allowed)
    if allowed is None:
        yield f"{where} has no row in ptxas_test.py: say how many registers it may use"
    elif registers > allowed:
        yield f"{where} uses {registers} registers, its row allows {allowed}"
    if stack or stores or loads:
        yield f"{where} has {stack} bytes of stack, spills {stores} bytes and loads {loads}"


def kernels_of(ptx):
    """The PTX of each kernel by its mangled name, without functions that it calls."""
    parts = re.split(r"^(?=[^\n]*\.(?:entry|func)\b)", ptx, flags=re.M)
    return {found[1]: part for part in parts if (found := re.match(r"[^\n]*\.entry\s+(\w+)", part))}


def faults_of_claims(source, kernels, claims):
    for kernel_pattern, instructions in claims:
        claimed = {name: ptx for name, ptx in kernels.items() if re.search(kernel_pattern, name)}
        if not claimed:
            yield f"{source} has no kernel {kernel_pattern}, of which its page claims instructions"
        for name, ptx in claimed.items():
            for instruction in instructions:
                if not re.search(instruction, ptx):
                    where = f"the PTX of {short(name)} ({source})"
                    yield f"{where} holds no {instruction}, which its page claims"


def missing_claims(source, nvcc):
    def ptx_of(name):
        command = [
            nvcc,
            "-std=c++20",
            "-DFEDFUSE_HAVE_CUDA",
            f"-I{source}",
            f"-I{source}/src",
            f"-I{source}/bench",
            "-I/usr/include",
            "--expt-relaxed-constexpr",
            "-arch=sm_90",
            "-ptx",
            "-o",
            "-",
            f"{source}/{name}",
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    names = list(dict.fromkeys(row[0] for row in CLAIMS))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as compilers:
        for name, ptx in zip(names, compilers.map(ptx_of, names)):
            yield from faults_of_claims(
                name, kernels_of(ptx), [row[1:] for row in CLAIMS if row[0] == name]
            )


def main():
    build, source, nvcc = sys.argv[1:4]
    rows = read_reports(build)
    if not rows:
        print("skipped: this build has no CUDA kernels")
        return 77
    for kernel, architecture, registers, *_ in rows:
        print(f"{architecture} {registers:4d} registers  {short(kernel)}")
    faults = [fault for row in rows for fault in faults_of(row)] + list(
        missing_claims(source, nvcc)
    )
    if faults:
        print("\n".join(faults))
        return 1
    print(
        f"{len(rows)} kernels: no spill, no stack, registers within their rows, claimed "
        "instructions present"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
