"""A process that runs the steps whose names it reads, one a line, and answers each with one line of JSON."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.common import cublas
from benchmarks.gpu.smoke.steps import STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--tiny-en", type=Path)
    args = parser.parse_args()
    found = None if args.short else cublas.preload()  # may start the process anew, so nothing large is loaded before it
    from benchmarks.gpu.smoke.bench import Bench

    bench = Bench(args.folder, args.short, args.tiny_en, found)
    steps = {step.name: step for step in STEPS}
    print("READY", flush=True)
    for line in iter(sys.stdin.readline, ""):
        step = steps[line.strip()]
        try:
            for part in step.parts(bench):
                print("PART", json.dumps(part), flush=True)
                told = part
            print("DONE", json.dumps(told), flush=True)
        except Exception as error:  # the other steps can still be measured
            print("FAILED", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)


if __name__ == "__main__":
    main()
