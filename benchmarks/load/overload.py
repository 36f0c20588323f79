"""More sessions than the server can carry for a while: what the others notice, and how soon it is over.

    python -m benchmarks.load.overload --corpus DIR [--steady 8] [--burst 16] [--burst-s 30] [--output FILE.json]

The steady sessions speak from start to end. The burst connects with them, speaks for a while in between, and is then
over: it has said its last word, and whatever it left behind must still be transcribed. Told apart are the seconds
before, during and after it, each for the steady sessions alone: coverage lag, finals, partials and chunks shown.
normal_again_s: from the moment at which the burst's last session is done to the beginning of the first 15 s in which
the p95 of the steady sessions' coverage lag is within half a second of what it was before; burst.end_s is how long its
sessions took to be done after their last word. The last line is JSON.
"""

import argparse
import asyncio
import statistics as middle
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.machine import card
from benchmarks.common.percentiles import distribution, nearest_rank
from benchmarks.common.result import deliver
from benchmarks.load import client, statistics
from benchmarks.load.audio import Track, plan, tracks
from benchmarks.load.command import files_enough, play
from benchmarks.load.target import Target, add_cut, add_key, cut_of, target

MARGIN_S = 0.5
"""The p95 of some sessions over seconds is a few values: it moves by this much without any overload."""

STRETCH_S = 15.0


def normal_again_s(runs: Sequence[client.Run], over: float, until: float, normal_s: float) -> float:
    """Seconds from `over` to a stretch of normal lag of `runs`; infinite if none begins early enough before `until`."""
    every = [statistics.coverage_lags(run, statistics.Window(over, until))[0] for run in runs]
    lag = np.stack([values[: min(map(len, every))] for values in every])  # [sessions, moments]
    width = round(STRETCH_S / statistics.SAMPLING_S)
    for at in range(lag.shape[1] - width + 1):
        if nearest_rank(lag[:, at : at + width].ravel(), 0.95) <= normal_s:
            return round(at * statistics.SAMPLING_S, 1)
    return float("inf")


def finite(seconds: float) -> float | None:
    """JSON knows no infinity."""
    return seconds if seconds < float("inf") else None


async def run(at: Target, among: Sequence[Track], args: argparse.Namespace) -> dict[str, Any]:
    whole_s = args.before_s + args.burst_s + args.after_s
    sessions = args.steady + args.burst
    spread_s = args.chunk_s / sessions
    steady = [plan(i, among, whole_s, spread_s * i) for i in range(args.steady)]
    burst = [
        replace(plan(i, among, args.burst_s), after_s=args.before_s + spread_s * i)
        for i in range(args.steady, sessions)
    ]
    work = [
        client.Work(at.socket, args.chunk_s, tuple(plans), drain_s=120, key=at.key)
        for plans in (steady, burst)
        if plans
    ]
    runs, watch = await play(work, at)
    lasting, passing = runs[: args.steady], runs[args.steady :]
    came = min(one.began for one in passing if one.began is not None)
    over = max(one.sent[-1] for one in passing)
    done = max(one.stopped[0] for one in passing if one.stopped is not None)
    ended = min(one.began + one.seconds for one in lasting if one.began is not None)
    cut = args.cut
    spans = {
        "before": statistics.Window(came - args.before_s / 2, came),
        "during": statistics.Window(came, over),
        "after": statistics.Window(done + args.allowed_s, ended),
    }
    kept = ("coverage_lag_s", "final_ms", "chunk_partial_ms", "chunk_done_ms")
    told: dict[str, Any] = {}
    for name, span in spans.items():
        level = statistics.level(lasting, span, cut)
        told[name] = {metric: level[metric] for metric in kept}
        seconds = (span.until - span.since) * len(lasting) / 60
        partials = sum(not heard.final and heard.at in span for one in lasting for heard in one.heard)
        told[name]["partials_a_minute"] = round(partials / seconds, 1)
    normal_s = told["before"]["coverage_lag_s"]["p95"] + MARGIN_S
    all_of_it = statistics.level(runs, statistics.Window(came, over), cut)
    return {
        **told,
        "normal_again_s": normal_again_s(lasting, done, ended, normal_s),
        "burst": {
            "coverage_lag_s": statistics.level(passing, spans["during"], cut)["coverage_lag_s"],
            "end_s": round(done - over, 2),
        },
        **{name: all_of_it[name] for name in ("lost_chunks", "refused", "failed", "errors", "held_sends")},
        "live_ms": distribution([ms for asked, ms in watch.probes if came <= asked <= over]),
    }


async def runs_of(args: argparse.Namespace, among: Sequence[Track]) -> dict[str, Any]:
    args.sweep = [args.steady + args.burst]
    args.fakes = False
    async with target(args) as at:
        results, again = [], []
        for _ in range(args.repeat):
            results.append(await run(at, among, args))
            again.append(results[-1]["normal_again_s"])
            results[-1]["normal_again_s"] = finite(again[-1])
            print({name: results[-1][name] for name in ("normal_again_s", "lost_chunks", "failed")}, flush=True)
    return {
        "model": at.model,
        "normal_again_s": finite(middle.median(again)),
        "all": [*map(finite, again)],
        "runs": results,
    }


def main() -> None:

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running server: ws://HOST:PORT/ws")
    add_key(parser)
    parser.add_argument("--model", default="base", help="start a server with this model (default: base)")
    parser.add_argument("--corpus", type=Path, help="NAME.flac with NAME.json; default: the sample, again and again")
    parser.add_argument("--steady", type=int, default=8)
    parser.add_argument("--burst", type=int, default=16)
    parser.add_argument("--before-s", type=float, default=30.0)
    parser.add_argument("--burst-s", type=float, default=30.0)
    parser.add_argument("--after-s", type=float, default=60.0)
    parser.add_argument("--allowed-s", type=float, default=10.0, help="what `after` leaves out")
    parser.add_argument("--chunk-s", type=float, default=3.0)
    parser.add_argument("--repeat", type=int, default=1)
    add_cut(parser)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="last: the rest goes to the server")
    args = parser.parse_args()
    args.cut = cut_of(args)
    if args.steady < 1 or args.burst < 1:
        parser.error("--steady and --burst: at least one session each")
    files_enough(args.steady + args.burst)
    settings = {name: value for name, value in vars(args).items() if name.endswith("_s") or name in ("steady", "burst")}
    machine = card()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(runs_of(args, tracks(args.corpus, Path(folder))))
    result = {"benchmark": "overload", **settings, "machine": machine, **found}
    deliver(result, args.output)


if __name__ == "__main__":
    main()
