#!/usr/bin/env python3
"""Holds what the CUDA compiler says of our kernels to what they claim, where no GPU is needed.

check_ptxas.py BUILD SOURCE NVCC: reads BUILD/**/*.cu.o.ptxas (kept by the build), wants of every kernel and architecture: no spill, no
stack, no more registers than its row allows, at least one row; and of the PTX of the rows that claim it the instructions they claim.
Exit code 0: all hold; 1: not; 77: the build has no CUDA."""
import pathlib
import re
import subprocess
import sys

# kernel (pattern of its mangled name): registers a thread at most. 65,536 registers an SM: 128 let 512 threads run, 168 let 384, 255 let 256.
REGISTERS = {
    "train_kernel": 255, "atomics_kernel": 64, "9aggregate.*count_kernel": 32, "scan_kernel": 64, "scatter_kernel": 32, "runs_kernel": 64, "clear_kernel": 32,
    "address_kernel": 40, "vectors_kernel": 48, "fold_kernel": 40, "draw_kernel": 80,
    "fused_kernel": 255, "naive_kernel": 64, "pack_kernel": 32, "halve_kernel": 32, "blank_kernel": 32, "epilogue_kernel": 64, "group_kernel": 64,
    "4rank.*TowerScore": 168, "4rank.*tower_kernel": 255, "4rank.*half_kernel": 64, "4rank.*bias_kernel": 40, "4rank.*clients_kernel": 40, "4rank.*listed_kernel": 96,
    "6kmeans.*score_kernel": 168,
    "4rank.*count_kernel": 128, "transpose_kernel": 32, "threshold_kernel": 64, "correct_kernel": 96,
    "5views.*product_kernel": 168, "5views.*normalise_kernel": 64, "5views.*add_blocks_kernel": 64, "5views.*column_sums_kernel": 40, "5views.*step_kernel": 40,
    "5views.*transpose_weights_kernel": 32, "5views.*largest_kernel": 32, "5views.*back_sum_kernel": 32,
    "6fusion.*encode_kernel": 96, "6fusion.*hidden_kernel": 128, "6fusion.*gradient_kernel": 128, "6fusion.*apply_kernel": 64,
}
# kernels of the main path, by their mangled template arguments (head, routed, all in shared memory): the occupancy that their page states
EXACT = {r"train_kernel.*MlpGpu.*Lb0ELb1E": 128, r"train_kernel.*LinearGpu.*Lb0ELb1E": 128, r"train_kernel.*GpuELb1ELb1E": 168,
         r"6kmeans.*score_kernelI[fd]Li[48]E": 128,
         r"4rank.*tower_kernelILi(16|32)E": 128}
# source: instructions that its PTX must hold
CLAIMS = {"kernels/local_train/local_train.cu": [r"ld\.shared\.v4\.(f32|b32)", r"fma\.rn\.f32"],
          "kernels/aggregate/aggregate.cu": [r"(atom|red)\.global\.add\.u64", r"ld\.global\.cs\.f32", r"cvt\.rni\.s64\.f32", r"max\.NaN\.f32"],
          "kernels/preference/preference.cu": [r"mma\.sync", r"cp\.async", r"ld\.global\S*\.v4"], "kernels/rank/rank.cu": [r"ld\.shared\.v4"],
          "kernels/rank/rank_hidden.cu": [r"ld\.shared\.v4", r"cp\.async", r"max\.NaN\.f32"],
          "kernels/views/views.cu": [r"cp\.async", r"ld\.shared\.v4", r"fma\.rn\.f32"],
          "kernels/kmeans/kmeans.cu": [r"cp\.async", r"ld\.shared\.v4\.(f32|b32)", r"ld\.shared\.v2\.(f64|b64)", r"fma\.rn\.f64", r"(atom|red)\.global\.add\.u64"],
          "kernels/fusion/fusion.cu": [r"ld\.global\S*\.v4", r"ld\.shared\.v4", r"cp\.async", r"fma\.rn\.f32"]}


def read_reports(build):
    """Rows of (kernel, architecture, registers, stack, spill stores, spill loads) from what ptxas printed."""
    rows, kernel = [], None
    for path in sorted(pathlib.Path(build).rglob("*.cu.o.ptxas")):
        for line in path.read_text().splitlines():
            if found := re.search(r"Compiling entry function '(\S+)' for '(\S+)'", line):
                kernel = found.groups()
                stack = (0, 0, 0)
            elif found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
                if kernel:
                    stack = tuple(int(n) for n in found.groups())
            elif kernel and (found := re.search(r"Used (\d+) registers", line)):
                rows.append((*kernel, int(found[1]), *stack))
                kernel = None
    return rows


def short(kernel):
    """The kernel's name and template arguments, without namespaces."""
    found = re.search(r"\d+?([a-z_]+_kernel)(?:I(.*?)EEv)?", kernel)
    arguments = " ".join(re.findall(r"(?<=\d)[A-Z][a-z]+Gpu|(?<=L)b[01]", found[2] or "")) if found else ""
    return f"{found[1]} {arguments}" if found else kernel


def faults_of(row):
    kernel, architecture, registers, stack, stores, loads = row
    allowed = next((n for name, n in REGISTERS.items() if re.search(name, kernel)), None)
    exact = [n for pattern, n in EXACT.items() if re.search(pattern, kernel)]
    allowed = min(exact, default=allowed)
    if allowed is None:
        yield f"{short(kernel)} ({architecture}) has no row in check_ptxas.py: say how many registers it may use"
    elif registers > allowed:
        yield f"{short(kernel)} ({architecture}) uses {registers} registers, its row allows {allowed}"
    if stack or stores or loads:
        yield f"{short(kernel)} ({architecture}) has {stack} bytes of stack, spills {stores} bytes and loads {loads}"


def missing_claims(source, nvcc):
    for name, patterns in CLAIMS.items():
        command = [nvcc, "-std=c++20", "-DFEDFUSE_HAVE_CUDA", f"-I{source}", f"-I{source}/src", "-I/usr/include", "--expt-relaxed-constexpr", "-arch=sm_90", "-ptx",
                   "-o", "-", f"{source}/{name}"]
        ptx = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for pattern in patterns:
            if not re.search(pattern, ptx):
                yield f"the PTX of {name} holds no {pattern}, which its page claims"


def main():
    build, source, nvcc = sys.argv[1:4]
    rows = read_reports(build)
    if not rows:
        print("skipped: this build has no CUDA kernels")
        return 77
    for kernel, architecture, registers, *_ in rows:
        print(f"{architecture} {registers:4d} registers  {short(kernel)}")
    faults = [fault for row in rows for fault in faults_of(row)] + list(missing_claims(source, nvcc))
    print("\n".join(faults) if faults else f"{len(rows)} kernels: no spill, no stack, registers within their rows, claimed instructions present")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
