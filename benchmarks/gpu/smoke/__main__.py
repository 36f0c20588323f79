"""Runs every step of the smoke test, in the order of its worth, within 160 s.

    python -m benchmarks.gpu.smoke --output FILE [--tiny-en FOLDER]
    python -m benchmarks.gpu.smoke --output FILE --short      # every step on a CPU with a toy, under a minute

A CUDA error may end the process that it happens in, and a call may hang. So the steps run in child processes, several
in one child while all goes well: a step that overruns its time, or whose process dies, is told as failed, and a new
child goes on with the step after it. FILE is written anew after each step; the last line printed is the same JSON.
"""

import argparse
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu import bundle
from benchmarks.gpu.smoke.steps import STEPS, Step

SECONDS = 160.0
SHORT_SECONDS = 58.0
LAST_S = 4.0
"""Kept of the whole time for ending the child and writing the file."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="the JSON file, written anew after each step")
    parser.add_argument("--short", action="store_true", help="on a CPU, with a toy in place of large-v3-turbo")
    parser.add_argument("--tiny-en", type=Path, help="a folder with tiny.en, to compare the device with the CPU")
    parser.add_argument("--steps", nargs="*", choices=[step.name for step in STEPS], help="only these")
    args = parser.parse_args()
    bundle.check()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        smoke = Smoke(args, Path(folder))
        try:
            smoke.run([step for step in STEPS if not args.steps or step.name in args.steps])
        finally:
            smoke.end()
            print(smoke.save(), flush=True)
    sys.exit(1 if smoke.result["failed"] else 0)


class Smoke:
    """The child at work, and what all children told."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args = args
        self.folder = folder
        self.began = time.monotonic()
        self.ends = self.began + (SHORT_SECONDS if args.short else SECONDS) - LAST_S
        self.result: dict[str, Any] = {"benchmark": "gpu_smoke", "short": args.short, "steps": {}, "failed": {}}
        self.child: subprocess.Popen[str] | None = None
        self.alone = False
        self.fresh = False
        """Whether the child has not loaded its libraries yet."""
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def run(self, steps: list[Step]) -> None:
        for step in steps:
            left_s = self.ends - time.monotonic()
            if left_s < 1.0:
                self.result["failed"][step.name] = "left out: the time was over"
                continue
            if step.alone or self.alone:
                self.end()
            self.alone = step.alone
            if self.child is None:
                self._start(step)
            self._one(step, left_s if self.args.short else min(step.limit_s, left_s))
            self.save()

    def save(self) -> str:
        """Writes the file whole and returns its line."""
        self.result["seconds"] = round(time.monotonic() - self.began, 1)
        line = json.dumps(self.result)
        unfinished = self.args.output.with_suffix(".part")
        unfinished.write_text(line + "\n")
        unfinished.replace(self.args.output)
        return line

    def end(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.reader.join()
            for pipe in (self.child.stdin, self.child.stdout):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()  # type: ignore[union-attr]
            self.child = None

    def command(self) -> list[str]:
        command = [sys.executable, "-m", "benchmarks.gpu.smoke.child", str(self.folder)]
        command += ["--short"] if self.args.short else []
        return command + (["--tiny-en", str(self.args.tiny_en)] if self.args.tiny_en else [])

    def _start(self, step: Step) -> None:
        self.lines, self.fresh = queue.SimpleQueue(), True
        self.child = subprocess.Popen(
            self.command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | step.environment,
        )
        self.reader = threading.Thread(target=_read, args=(self.child, self.lines), daemon=True)
        self.reader.start()

    def _one(self, step: Step, limit_s: float) -> None:
        assert self.child is not None
        assert self.child.stdin is not None
        print(f"-- {step.name} ({time.monotonic() - self.began:.0f} s)", flush=True)
        said: list[str] = []
        ends = self.ends  # of loading the libraries, which may take long: a step's time begins when they are there
        try:
            self.child.stdin.write(step.name + "\n")
            self.child.stdin.flush()
            if not self.fresh:
                ends = time.monotonic() + limit_s
            while True:
                line = self.lines.get(timeout=max(0.01, ends - time.monotonic()))
                if line is None:
                    reason = f"its process ended with {self.child.wait()}: {' | '.join(said[-3:])[:300]}"
                    break
                if line == "READY\n":
                    ends, self.fresh = min(self.ends, time.monotonic() + limit_s), False
                elif line.startswith("PART "):  # what is known of a step that is not over
                    self.result["steps"][step.name] = json.loads(line[5:])
                elif line.startswith("DONE "):
                    self.result["steps"][step.name] = json.loads(line[5:])
                    return
                elif line.startswith("FAILED "):
                    self.result["failed"][step.name] = line[7:].strip()
                    print(line, end="", flush=True)
                    return
                else:
                    said.append(line.strip())
        except queue.Empty:
            reason = "its libraries took all of the time" if self.fresh else f"took longer than {limit_s:.0f} s"
        except BrokenPipeError:
            reason = "its process ended before it began"
        self.result["failed"][step.name] = reason
        print(reason, flush=True)
        self.end()


def _read(child: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]") -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


if __name__ == "__main__":
    main()
