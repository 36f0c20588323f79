"""What one GPU does: numerical check, batch sweep, VAD and mel alone, live streams. Ends by its own deadline.

    python -m benchmarks.gpu [--model FOLDER] [--seconds 420] [--corpus DIR | --audio FILE] [--output FILE]
    python -m benchmarks.gpu --short      # the same code on a CPU with tiny.en and a toy, under a minute

Needs no network, and of Python packages PyTorch, transformers, aiohttp, numpy and what `bundle.sh` packs. Without
--model it makes random weights of large-v3-turbo's shape: as fast as the real ones, and said so in the result. Random
weights never end a text, so each hypothesis is given the tokens that speech of its length has. Writes the JSON after
every row and every trial, so that a run that is cut off keeps what it measured; a Markdown table beside it; and the
JSON as its last line.
"""

import argparse
import asyncio
import faulthandler
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import cublas
from benchmarks.gpu import bundle

HERE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Part:
    """What is measured of one model: shares of the whole time for the sweeps and the streams of all encoders."""

    sizes: tuple[int, ...]
    lengths_s: tuple[float, ...]
    sweep_share: float
    streams_share: float
    start: int
    limit: int


ENCODERS = ("torch", "ctranslate2")

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FINALS = (1, 4, 16, 32, 64)
"""Larger batches of finals take longer than a chunk may."""

TURBO_PART = Part(FINALS, (6.0, 3.0, 13.0), 0.20, 0.50, 25, 3200)
LARGE_PART = Part(FINALS, (6.0,), 0.08, 0.30, 25, 1600)
SHORT_PART = Part((1, 2), (3.0,), 0.12, 0.4, 1, 4)
TOY_PART = Part((1, 2, 4), (3.0,), 0.08, 0.3, 2, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a folder in CTranslate2's format, or a bundled model's name")
    parser.add_argument("--shapes", nargs="*", help="of random weights: large-v3-turbo (the default), large-v3, toy")
    parser.add_argument(
        "--encoders", nargs="*", choices=ENCODERS, help="each measured in turn; the server's own where none is named"
    )
    parser.add_argument("--check-model", default="tiny.en", help="real weights for the numerical check")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--corpus", type=Path, help="a folder of .flac to loop in place of the sample")
    parser.add_argument("--audio", type=Path, help="one recording to loop; a .wav of 16 kHz needs no decoder")
    parser.add_argument("--bound-s", type=float, default=1.0, help="p95 from a chunk to its text")
    parser.add_argument("--start", type=int, help="sessions of the first trial")
    parser.add_argument("--seconds", type=float, default=420.0, help="the whole run ends within them")
    parser.add_argument("--short", action="store_true")
    parser.add_argument(
        "--output", type=Path, help="a .json, or a folder for gpu-CARD.json; without it, benchmarks/results"
    )
    parser.add_argument("--timestamps", action="store_true", help="finals with timestamp tokens on a GPU as well")
    args = parser.parse_args()
    bundle.check()
    began = time.monotonic()
    # With --short the machine may be a busy one, where a slow part is no fault.
    faulthandler.dump_traceback_later(
        args.seconds + (60.0 if args.short else 5.0), exit=True
    )  # nothing else can end a call that hangs
    found = cublas.preload() if args.device != "cpu" else None  # may start the process anew
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by which `timeout` ends a run: the file is still written
    run = Run(args, began, found)
    try:
        run.all()
    except (KeyboardInterrupt, SystemExit):
        run.result["errors"].append("cut off: the parts before this are whole")
        raise
    finally:
        run.save()
        print(run.line(), flush=True)
    sys.exit(1 if run.result["errors"] else 0)


class Run:
    """One run of the benchmark, part by part; every part that fails is told and the next one begins."""

    def __init__(self, args: argparse.Namespace, began: float, cublas_found: str | None) -> None:
        import torch

        from benchmarks.common.machine import card
        from benchmarks.common.nvidia import GpuWatch
        from benchmarks.gpu.deadline import Deadline
        from benchmarks.gpu.watch import gpu_card

        self.args = args
        self.device: Any = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        if self.device == "cuda" and not torch.cuda.is_available():
            raise SystemExit(
                "PyTorch finds no CUDA device: see that nvidia-smi lists a card and that its driver is new enough for "
                f"CUDA {torch.version.cuda}, or measure the CPU with --device cpu"
            )
        from inference.config import SWITCH_INTERVAL_S

        torch.set_num_threads(1)
        sys.setswitchinterval(SWITCH_INTERVAL_S["cuda" if self.device == "cuda" else "cpu"])  # as the server does
        self.seconds = min(args.seconds, 55.0) if args.short else args.seconds
        self.deadline = Deadline(began + self.seconds - 5.0)
        self.result: dict[str, Any] = {
            "benchmark": "gpu",
            "device": self.device,
            "short": args.short,
            "machine": card() | {"gpu_card": gpu_card(), "cublas": cublas_found},
            "models": [],
            "skipped": self.deadline.skipped,
            "errors": [],
        }
        self.output: Path | None = args.output or (None if args.short else HERE / "results")
        if self.output is not None and self.output.suffix != ".json":
            name = (self.result["machine"]["gpu"] or "cpu").lower().replace(" ", "-")
            self.output = self.output / f"gpu-{name}.json"
        if self.output is not None:
            self.output.parent.mkdir(parents=True, exist_ok=True)
        self.gpu = GpuWatch() if self.device == "cuda" else None
        self.began = began

    def all(self) -> None:
        from benchmarks.common.random_whisper import LARGE_V3, TOY, TURBO
        from benchmarks.gpu.session import recording

        self.audio = recording(self.args.audio, self.args.corpus)
        self.result["audio_s"] = round(len(self.audio) / 16_000, 1)
        self.part("check", self._check)
        self.part("alone", self._alone)
        with tempfile.TemporaryDirectory() as folder:
            if self.args.model:
                self.model(self.args.model, TURBO_PART, lambda: _resolved(self.args.model), random=False)
            elif self.args.short and self.args.shapes is None:
                self.model("random, toy shape", TOY_PART, lambda: _random(TOY, folder), random=True)
                self.model("tiny.en", SHORT_PART, lambda: _resolved("tiny.en"), random=False)
            else:
                for shape, part in ((TURBO, TURBO_PART), (LARGE_V3, LARGE_PART), (TOY, TOY_PART)):
                    if shape.name in (self.args.shapes or [TURBO.name]):
                        weights = f"random, {shape.name} shape"
                        self.model(weights, part, partial(_random, shape, folder), random=True)
        if self.gpu is not None:
            self.gpu.close()

    def part(self, name: str, work: Callable[[], dict[str, Any]], into: dict[str, Any] | None = None) -> None:
        """Runs a part, keeps its result or its failure, and writes all that is known by then."""
        into = self.result if into is None else into
        print(f"-- {name} ({time.monotonic() - self.began:.0f} s)", flush=True)
        try:
            into[name] = work()
        except Exception as error:  # the other parts can still be measured
            self.result["errors"].append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            print(self.result["errors"][-1], flush=True)
        self.save()

    def save(self) -> None:
        """Writes what is known by now, whole: a process that is killed meanwhile leaves the file before it."""
        self.result["seconds"] = round(time.monotonic() - self.began, 1)
        if self.output is not None:
            from benchmarks.gpu.report import markdown

            unfinished = self.output.with_suffix(".part")
            unfinished.write_text(self.line() + "\n")
            unfinished.replace(self.output)
            self.output.with_suffix(".md").write_text(markdown(self.result))

    def line(self) -> str:
        return json.dumps(self.result)

    def model(self, weights: str, part: Part, folder: Callable[[], Path], *, random: bool) -> None:
        """All that is measured of one model, with each encoder in turn."""
        from inference.config import ASR_DEFAULTS

        own = "torch" if ASR_DEFAULTS[self.device].torch_encoder else "ctranslate2"
        encoders = self.args.encoders or [own]
        part = replace(
            part, sweep_share=part.sweep_share / len(encoders), streams_share=part.streams_share / len(encoders)
        )
        for encoder in encoders:
            self._encoder(weights, encoder, part, folder, random)

    def _encoder(self, weights: str, encoder: str, part: Part, folder: Callable[[], Path], random: bool) -> None:
        """Loads one model with one encoder, sweeps it, and finds how many sessions it carries."""
        if not self.deadline.allows(20.0 if not self.args.short else 4.0, weights):
            return
        from benchmarks.gpu.engine import TOKENS_PER_SECOND, MeasuredAsr
        from benchmarks.gpu.sweep import sweep, two_workers
        from inference.config import ASR_DEFAULTS

        kept: dict[str, Any] = {"weights": weights, "encoder": encoder}
        if random:
            kept["tokens"] = f"{TOKENS_PER_SECOND} a second of audio, set: random weights never end a text"
        self.result["models"].append(kept)
        loaded: list[MeasuredAsr] = []

        def load() -> dict[str, Any]:
            from benchmarks.gpu.watch import device_memory_gb

            before, began = device_memory_gb(), time.monotonic()
            where = folder()
            made_s, began = time.monotonic() - began, time.monotonic()
            defaults = ASR_DEFAULTS[self.device]
            config = replace(
                defaults,
                workers=max(2, defaults.workers),
                guard=not random,
                timestamps=self.args.timestamps or defaults.timestamps,
                torch_encoder=encoder == "torch",
            )
            loaded.append(MeasuredAsr(where, config, random=random))
            loaded_s = time.monotonic() - began
            return {
                "compute_type": config.compute_type,
                "made_s": round(made_s, 1),
                "loaded_s": round(loaded_s, 1),
                "device_gb_before": before,
                "device_gb": device_memory_gb(),
            }

        self.part("load", load, kept)
        if not loaded:
            return
        asr = loaded[0]
        budget = self.deadline.within(part.sweep_share * self.seconds, f"{weights}, sweep")
        rows: list[dict[str, Any]] = []
        kept["sweep"] = {"rows": rows}

        def keep(row: dict[str, Any]) -> None:
            rows.append(row)
            self.save()

        self.part("sweep", lambda: {"rows": sweep(asr, self.audio, part.sizes, part.lengths_s, budget, keep)}, kept)
        pairs = [size for size in part.sizes if size >= 8] or list(part.sizes)
        budget = self.deadline.within(0.04 * self.seconds, f"{weights}, workers")
        self.part("workers", lambda: {"rows": two_workers(asr, self.audio, pairs, budget)}, kept)
        self.part("streams", lambda: self._streams(asr, part, kept), kept)
        asr.model.unload_model()

    def _check(self) -> dict[str, Any]:
        from benchmarks.common.random_whisper import TOY
        from benchmarks.gpu.check import check
        from inference.weights.models import ModelError

        lengths_s = (3.0,) if self.args.short else (3.0, 6.0, 13.0)
        name, real = self.args.check_model, True
        with tempfile.TemporaryDirectory() as folder:
            try:
                model = _resolved(name)
            except ModelError:
                self.deadline.skipped.append(f"check: text, for want of {name}")
                model, name, real = _random(TOY, folder), f"random, {TOY.name} shape", False
            found = check(self.device, model, self.audio, lengths_s, real=real)
        if not found["ok"]:
            self.result["errors"].append("check: the device does not compute what the CPU computes")
        return {"model": Path(name).name} | found

    def _alone(self) -> dict[str, Any]:
        from benchmarks.gpu.sweep import alone

        sizes = (1, 4, 16) if self.args.short else SIZES
        return alone(self.device, 128, self.audio, sizes, self.deadline.within(0.05 * self.seconds, "alone"))

    def _streams(self, asr: Any, part: Part, kept: dict[str, Any]) -> dict[str, Any]:
        from benchmarks.gpu.engine import MeasuredVad
        from benchmarks.gpu.session import Speech
        from benchmarks.gpu.streams import Bounds, Host, search
        from inference.config import EngineConfig, VadConfig
        from inference.serving.capacity import sessions_in_real_time

        bounds = Bounds(self.args.bound_s, 1.0, 3.0) if self.args.short else Bounds(self.args.bound_s)
        vad = MeasuredVad(VadConfig())  # on the CPU, as on a server (docs/decisions.md)
        config = EngineConfig(vad=vad.config, asr=asr.config)
        host = Host(vad, asr, config, Speech.of(self.audio, vad), self.gpu)
        budget = self.deadline.within(part.streams_share * self.seconds, f"{kept['weights']}, streams")
        capacity = asyncio.run(sessions_in_real_time(asr, asr.config))
        own = {"workers": asr.config.workers, "max_batch": asr.config.max_batch, "capacity_at_warm_up": capacity}

        def keep(so_far: dict[str, Any]) -> None:
            kept["streams"] = own | so_far
            self.save()

        return own | asyncio.run(search(host, bounds, self.args.start or part.start, part.limit, budget, keep))


def _resolved(name: str) -> Path:
    from inference.weights.models import default_cache, resolve

    return resolve(name, default_cache())


def _random(shape: Any, folder: str) -> Path:
    from benchmarks.common.random_whisper import write

    return write(shape, Path(folder) / shape.name)
