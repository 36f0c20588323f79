"""What the store costs: the time that an event waits for it, and the CPU of the server with and without it.

    python -m benchmarks.load.store_cost [--sessions 12] [--seconds 60] [--arrivals spread] [--output FILE]

The real server around engines that answer at once, a Redis of this run with encryption, and sessions at the pace of
speech with frames of 0.5 s, which is six times as many events as with the default of 3 s. The frames of different
sessions arrive evenly spread over half a second, as in the load benchmark, or with `--arrivals aligned` all at once:
then each write also waits for the frames of the other sessions. The server without a store is measured before and after
the one with it. `ping_ms` is what a bare PING of the same Redis takes meanwhile, asked by the process of the clients.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from benchmarks.common.percentiles import nearest_rank
from benchmarks.common.redis_process import RedisProcess, installed
from benchmarks.common.result import deliver
from benchmarks.common.server_process import ServerProcess
from benchmarks.load.consultation import FRAME_S, Told, consult, conversation
from benchmarks.load.failover import SHARED_KEY

QUANTILES = (0.5, 0.95, 0.99)
PING_EVERY_S = 0.05


async def served(args: argparse.Namespace, *flags: str) -> dict[str, Any]:
    """CPU seconds of one server for each second of wall time, and what its store took."""
    server = ServerProcess("benchmarks.common.fake_server", *flags)
    try:
        async with aiohttp.ClientSession() as http:
            await server.ready(http)
            before, audio = server.cpu_s(), [conversation(number, args.seconds) for number in range(args.sessions)]
            loop = asyncio.get_running_loop()
            began, url = loop.time(), server.url.replace("http", "ws")
            gap_s = FRAME_S / args.sessions if args.arrivals == "spread" else 0.0
            told = await asyncio.gather(*(_later(number * gap_s, url, one) for number, one in enumerate(audio)))
            wall_s, cpu_s = loop.time() - began, server.cpu_s() - before
            async with http.get(f"{server.url}metrics") as response:
                text = await response.text()
    finally:
        server.stop()
    events = sum(len(one.events) for one in told)
    return {
        "cpu": round(cpu_s / wall_s, 4),
        "events": events,
        "events_per_s": round(events / wall_s, 1),
        "metrics": text,
    }


async def _later(wait_s: float, url: str, audio: bytes) -> Told:
    await asyncio.sleep(wait_s)
    return await consult(url, audio, 1.0)


async def ping_ms(redis: RedisProcess, seconds: float) -> dict[str, float]:
    """Round trips of PING through the library that the store uses."""
    took: list[float] = []
    async with Redis.from_url(redis.url) as client:
        for _ in range(int(seconds / PING_EVERY_S)):
            began = time.perf_counter()
            await client.ping()
            took.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(PING_EVERY_S)
    return {f"p{100 * quantile:g}": nearest_rank(took, quantile, 2) for quantile in QUANTILES}


def quantiles_ms(metrics: str) -> dict[str, float]:
    """Of the histogram of the store, interpolated within its buckets."""
    found = re.findall(r'drtranscribe_store_seconds_bucket\{le="([^"]+)"\} ([0-9.]+)', metrics)
    buckets = [(float(bound), float(count)) for bound, count in found]
    total, answers = buckets[-1][1], {}
    for quantile in QUANTILES:
        low, below = 0.0, 0.0
        for bound, count in buckets:
            if count >= quantile * total:
                share = (quantile * total - below) / max(1.0, count - below)
                answers[f"p{100 * quantile:g}"] = round(1000 * (low + share * (min(bound, 60.0) - low)), 2)
                break
            low, below = bound, count
    return answers


async def measure(args: argparse.Namespace) -> dict[str, Any]:
    first = await served(args)
    with RedisProcess() as redis, tempfile.TemporaryDirectory() as folder:
        key_file = Path(folder) / "key"
        key_file.write_text(SHARED_KEY)
        pinging = asyncio.create_task(ping_ms(redis, args.seconds))
        stored = await served(args, "--store", redis.url, "--store-key-file", str(key_file))
        pings_ms = await pinging
    last = await served(args)
    without = (first["cpu"] + last["cpu"]) / 2
    return {
        "benchmark": "store_cost",
        "sessions": args.sessions,
        "seconds": args.seconds,
        "events_per_s": stored["events_per_s"],
        "arrivals": args.arrivals,
        "ping_ms": pings_ms,
        "write_ms": quantiles_ms(stored["metrics"]),
        "cpu_without": [first["cpu"], last["cpu"]],
        "cpu_with": stored["cpu"],
        "cpu_of_store": round(stored["cpu"] - without, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--arrivals", choices=("spread", "aligned"), default="spread")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    if not installed():
        sys.exit("there is no redis-server: apt install redis-server")
    deliver(asyncio.run(measure(args)), args.output)


if __name__ == "__main__":
    main()
