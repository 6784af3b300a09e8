"""The machine's own arithmetic peak in fp32, bf16 and int8."""

import argparse
import tempfile
from pathlib import Path

from bench import peak
from common.errors import exit_with
from common.machine import physical_cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, help="default: physical cores")
    args = parser.parse_args()
    cpus = peak.choose_cpus(args.threads or physical_cores())
    with tempfile.TemporaryDirectory() as folder:
        program = peak.compile_kernels(Path(folder))
        for precision in peak.PRECISIONS:
            try:
                measured = peak.measure(program, precision, args.seconds, cpus)
                print(f"{precision}: {measured.gflops:.0f} GFLOP/s ({measured.kernel})")
            except peak.NotMeasuredError as reason:
                print(f"{precision}: not measured: {reason}")


if __name__ == "__main__":
    exit_with(main)
