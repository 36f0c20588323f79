"""Many live sessions against one server: what each of them waits for, and how many it carries.

    python -m benchmarks.load --model base --corpus DIR --sweep 4,8,12,16 [--repeat 3] [--wer] --output FILE.json
    python -m benchmarks.load --url ws://HOST:PORT/ws --sessions 8
    python -m benchmarks.load --fakes --sessions 1000 --seconds 60

Sessions speak in real time from several client processes, paced by absolute time (open loop): a slow answer never
delays the next chunk. All connect first, then the clock starts. benchmarks/README.md says what each number means.
--output writes FILE.json, a table FILE.md and a plot FILE.png. The last line is JSON.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.common.result import deliver
from benchmarks.load import client, statistics
from benchmarks.load.audio import Pairs, Track, pairs_of, plan, tracks, word_error_rate
from benchmarks.load.target import Target, add_cut, add_key, clients, cut_of, target
from benchmarks.load.watch import Watch, usage

SESSIONS_A_PROCESS = 100
START_IN_S = 1.0
SPARE_FILES = 200
METRICS = (
    "coverage_lag_s", "behind_s", "chunk_done_ms", "chunk_covered_ms", "chunk_partial_ms", "final_ms",
    "final_after_pause_ms",
)  # fmt: skip


async def play(work: Sequence[client.Work], at: Target) -> tuple[list[client.Run], Watch]:
    """All of the work at once, a process for each piece: every session as its client saw it, in order of number."""
    async with clients(work) as (pipes, pids):
        watch = Watch(str(at.url / "health/live"), at.pid, pids)
        watching = asyncio.create_task(watch.run())
        try:
            await asyncio.gather(*(asyncio.to_thread(pipe.recv) for pipe in pipes))  # all are connected
            begin = time.monotonic() + START_IN_S
            for pipe in pipes:
                pipe.send(begin)
            answers = await asyncio.gather(*(asyncio.to_thread(pipe.recv) for pipe in pipes))
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    return sorted((run for answer in answers for run in answer), key=lambda run: run.number), watch


async def measure(sessions: int, among: Sequence[Track], at: Target, args: argparse.Namespace) -> dict[str, Any]:
    """One run: so many sessions at once, from the first word to the last event."""
    spread_s = args.chunk_s / sessions if args.arrivals == "spread" else 0.0
    plans = [plan(i, among, args.seconds, spread_s * i, args.whole) for i in range(sessions)]
    count = args.processes or max(min(2, sessions), -(-sessions // SESSIONS_A_PROCESS))
    work = [
        client.Work(at.socket, args.chunk_s, tuple(plans[i::count]), args.texts, args.drain_s, at.key)
        for i in range(count)
    ]
    _, before_mb = usage([at.pid] if at.pid else [])
    runs, watch = await play(work, at)
    during = statistics.window(runs, args.warmup_s) or statistics.Window(0.0, 0.0)
    sent = [(run.sent[i], end - (run.ends[i - 1] if i else 0)) for run in runs for i, end in enumerate(run.ends)]
    audio_s = sum(samples for when, samples in sent if when in during) / client.SAMPLE_RATE
    result = {
        "processes": count,
        **statistics.level(runs, during, args.cut),
        **watch.summary(during.since, during.until, audio_s, sessions, before_mb),
    }
    if args.texts:
        pairs = pairs_of(runs, plans, among)
        result["wer"] = word_error_rate(pairs)
        result["wer_matched"] = word_error_rate({i: pairs[i] for i in pairs if i in args.singles})
        result["wer_single"] = word_error_rate({i: args.singles[i] for i in pairs if i in args.singles})
    if args.timestamps:
        with args.timestamps.open("a") as file:
            file.writelines(timestamps(sessions, run) for run in runs)
    return result


def timestamps(sessions: int, run: client.Run) -> str:
    """A session as a line of JSON, without what was said."""
    fields = asdict(run)
    for heard in fields["heard"]:
        del heard["words"]
    return json.dumps({"sessions": sessions, **fields}) + "\n"


async def alone(among: Sequence[Track], at: Target, args: argparse.Namespace) -> Pairs:
    """The first session of each recording, each alone and as fast as the server takes it: finals know no pace."""
    plans = [plan(i, among, args.seconds, 0.0, args.whole) for i in range(min(len(among), max(args.sweep)))]
    hurried = tuple(client.Plan(p.number, p.pcm, p.first, p.samples, paced=False) for p in plans)
    work = client.Work(at.socket, args.chunk_s, hurried, texts=True, drain_s=600, key=at.key)
    return pairs_of(await client.alone(work), plans, among)


async def sweep(args: argparse.Namespace, among: Sequence[Track]) -> dict[str, Any]:
    """Every number of sessions in turn, until two in a row fail."""
    levels: list[dict[str, Any]] = []
    verdicts: dict[int, bool] = {}
    result: dict[str, Any] = {}

    async def run(sessions: int, at: Target) -> dict[str, Any]:
        result.setdefault("model", at.model)
        result.setdefault("ready_s", at.ready_s)
        if args.wer and not args.singles:
            args.singles = await alone(among, at, args)
        return await measure(sessions, among, at, args)

    async def level(sessions: int, at: Target | None) -> None:
        runs = []
        for _ in range(args.repeat):
            if at is not None:
                runs.append(await run(sessions, at))
            else:
                async with target(args) as fresh:
                    runs.append(await run(sessions, fresh))
        verdicts[sessions] = statistics.holds(runs, args.metric, args.bound_s)
        p95s = [one[args.metric]["p95"] for one in runs]
        levels.append({"sessions": sessions, "holds": verdicts[sessions], "p95s": p95s, **statistics.middle(runs)})
        shown = {name: levels[-1][name] for name in ("holds", args.metric, "final_ms", "failed", "refused")}
        print(f"{sessions} sessions", shown, flush=True)

    async def every(at: Target | None) -> None:
        for sessions in args.sweep:
            await level(sessions, at)
            if statistics.settled(list(verdicts.values())):
                break

    if args.fresh:
        await every(None)
    else:
        async with target(args) as at:
            await every(at)
    return {**result, "most_sessions": statistics.most_sessions(verdicts), "levels": levels}


def files_enough(sessions: int) -> None:
    """Raises the limit of open files as far as this user may. Raises SystemExit if that is too few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < sessions + SPARE_FILES:
        raise SystemExit(f"{sessions} sessions need {sessions + SPARE_FILES} open files, and the limit is {most}")


def numbers(text: str) -> list[int]:
    """Positive whole numbers with commas between them. Raises ArgumentTypeError."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{text}: give numbers of sessions with commas between them, such as 4,8,12")
    return [int(part) for part in parts]


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    servers = parser.add_mutually_exclusive_group()
    servers.add_argument("--url", help="a running server: ws://HOST:PORT/ws")
    servers.add_argument("--model", default="base", help="start a server with this model (default: base)")
    servers.add_argument("--fakes", action="store_true", help="start a server without models: what the server costs")
    add_key(parser)
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--sessions", type=numbers, default=[4], help="at once (default: 4)")
    many.add_argument("--sweep", type=numbers, help="numbers of sessions, one after the other: 4,8,12")
    parser.add_argument("--corpus", type=Path, help="NAME.flac with NAME.json; default: the sample, again and again")
    parser.add_argument("--seconds", type=float, default=120.0, help="of audio in each session")
    parser.add_argument("--whole", action="store_true", help="each session plays one recording, from start to end")
    parser.add_argument("--warmup-s", type=float, default=15.0, help="of each session, left out of the statistics")
    parser.add_argument("--chunk-s", type=float, default=3.0)
    parser.add_argument("--arrivals", choices=("spread", "aligned"), default="spread")
    parser.add_argument("--processes", type=int, help="client processes; default: one for 100 sessions, at least two")
    parser.add_argument("--wer", action="store_true", help="the first session of each recording alone as well")
    parser.add_argument("--metric", choices=METRICS, default="coverage_lag_s", help="whose p95 is bounded")
    parser.add_argument("--bound-s", type=float, default=4.5)
    parser.add_argument("--repeat", type=int, default=1, help="runs of each number; medians are reported")
    parser.add_argument("--fresh", action="store_true", help="a new server for each run")
    parser.add_argument("--drain-s", type=float, default=60.0, help="for a session to end after its last word")
    add_cut(parser)
    parser.add_argument("--output", type=Path, help="FILE.json; FILE.md and FILE.png are written beside it")
    parser.add_argument("--timestamps", type=Path, help="FILE for every timestamp, a session a line")
    parser.add_argument(
        "--serve", nargs=argparse.REMAINDER, default=[], help="last: all that follows goes to the server"
    )
    args = parser.parse_args(argv)
    args.sweep = args.sweep or args.sessions
    args.cut, args.singles = cut_of(args), {}
    args.texts = not args.fakes and (args.wer or args.corpus is not None)
    args.wer = args.wer and args.texts
    if args.warmup_s + args.chunk_s > args.seconds and not args.whole:
        parser.error("--warmup-s leaves less than a chunk of --seconds: make one shorter or the other longer")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    from benchmarks.common.machine import card
    from benchmarks.load.report import markdown, plot

    if args.output:
        import matplotlib  # noqa: F401  its absence is told before the run, not after it
    files_enough(max(args.sweep))
    told = ("chunk_s", "seconds", "warmup_s", "arrivals", "whole", "metric", "bound_s", "repeat", "fresh")
    settings = {name: getattr(args, name) for name in told}
    machine = card()
    with tempfile.TemporaryDirectory() as folder:
        among = tracks(args.corpus, Path(folder))
        found = asyncio.run(sweep(args, among))
    result = {"benchmark": "load", **settings, "recordings": len(among), "machine": machine, **found}
    if args.output:
        args.output.with_suffix(".md").write_text(markdown(result))
        plot(result, args.output.with_suffix(".png"))
    deliver(result, args.output)
