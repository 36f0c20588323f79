"""Faults of networks, processes, disks and clocks, and what consultations lose by them: nothing.

    python -m benchmarks.chaos [--only NAME ...] [--short] [--model tiny.en] [--vllm FOLDER] [--output FILE]

Each scenario disturbs real servers on loopback while consultations are held, faster than people speak, and compares
these with undisturbed ones: the finals with their ids, times and words, the findings, the numbers of events and of
samples. The exit status is 1 where a scenario has not held. The last line is JSON, and a Markdown report stands beside
--output. Scenarios that are run with --only replace their part of an existing --output, and keep the others.

--short: fewer faults, engines without models, and all scenarios at once: at most 90 s on two cores.
--vllm: the folder of benchmarks/vllm/serve_cpu.sh (`make vllm-environment`). Its vLLM is killed too then (vllm-kills),
which takes minutes, since it has to come up twice.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.chaos.catalogue import SCENARIOS, Scenario
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.report import markdown
from benchmarks.common.machine import card
from benchmarks.common.redis_process import installed
from benchmarks.common.result import deliver
from benchmarks.common.server_process import FAKES

MOST_S, MOST_WITH_VLLM_S = 900.0, 2700.0
"""A scenario that takes longer has failed. A vLLM that starts twice on busy cores takes most of the longer time."""


def chosen(only: Sequence[str], vllm: Path | None = None) -> list[Scenario]:
    """The named scenarios, or all that can be run. Raises SystemExit for a name that is unknown or lacks its vLLM."""
    unknown = sorted(set(only) - {scenario.name for scenario in SCENARIOS})
    if unknown:
        raise SystemExit(f"--only {' '.join(unknown)}: choose among {' '.join(s.name for s in SCENARIOS)}")
    lacking = {scenario.name for scenario in SCENARIOS if scenario.needs_vllm and vllm is None}
    if named := sorted(lacking & set(only)):
        raise SystemExit(f"--only {' '.join(named)}: name the folder of a vLLM with --vllm (make vllm-environment)")
    return [s for s in SCENARIOS if s.name not in lacking and (not only or s.name in only)]


async def row(scenario: Scenario, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Runs one scenario; one that fails by itself has not held."""
    began, load = time.monotonic(), os.getloadavg()[0]
    found: dict[str, Any]
    if scenario.needs_redis and not installed():
        found = {"faults": ["there is no redis-server: apt install redis-server"], "figures": {}}
    else:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            lab = Lab(args.model, args.short, seed, Path(folder), args.vllm)
            try:
                async with asyncio.timeout(MOST_WITH_VLLM_S if scenario.needs_vllm else MOST_S):
                    outcome = await scenario.run(lab)
                found = {"faults": outcome.faults, "figures": outcome.figures}
            except (Exception, SystemExit) as error:  # the scenarios that follow shall run all the same
                found = {"faults": [f"the scenario itself failed: {type(error).__name__}: {error}"], "figures": {}}
    return {
        "scenario": scenario.name,
        "does": scenario.does,
        "held": not found["faults"],
        **found,
        "model": args.model,
        "short": args.short,
        "seed": seed,
        "lanes": args.lanes,
        "took_s": round(time.monotonic() - began, 1),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
    }


async def every(
    scenarios: Sequence[Scenario], args: argparse.Namespace, seed: int, tell: Callable[[list[dict[str, Any]]], None]
) -> list[dict[str, Any]]:
    """The scenarios, `lanes` of them at once. `tell` hears of all that are done whenever one is."""
    this = asyncio.current_task()
    assert this is not None
    # A run that is stopped then ends its servers and unmounts its disks.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    turn, done = asyncio.Semaphore(args.lanes), list[dict[str, Any]]()

    async def one(scenario: Scenario) -> None:
        async with turn:
            found = await row(scenario, args, seed)
        state = "held  " if found["held"] else "FAILED"
        told = "; ".join(found["faults"]) or "as it should be"
        print(f"{state} {scenario.name} ({found['took_s']:g} s): {told}", flush=True)
        done.append(found)
        tell(done)

    await asyncio.gather(*map(one, scenarios))
    return done


def kept(output: Path | None, fresh: Sequence[dict[str, Any]], whole: bool) -> list[dict[str, Any]]:
    """The fresh rows, and of an earlier result those that were not run again; in the order of the catalogue."""
    rows = {row["scenario"]: row for row in fresh}
    if output is not None and output.exists() and not whole:
        rows = {row["scenario"]: row for row in json.loads(output.read_text())["scenarios"]} | rows
    return [rows[scenario.name] for scenario in SCENARIOS if scenario.name in rows]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these scenarios alone")
    parser.add_argument("--short", action="store_true", help="fewer faults, without models")
    parser.add_argument("--model", help="of the servers; default: tiny.en, with --short fakes")
    parser.add_argument("--vllm", type=Path, metavar="FOLDER", help="of a real vLLM, which is killed too")
    parser.add_argument("--seed", type=int, help="of all that is drawn; by chance if not given")
    parser.add_argument("--lanes", type=int, help="scenarios at once (default: 1; with --short all)")
    parser.add_argument("--list", action="store_true", help="name the scenarios and what they do")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    args = parser.parse_args(argv)
    if args.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name}: {scenario.does}")
        return
    args.lanes = args.lanes or (len(SCENARIOS) if args.short else 1)
    args.model = args.model or (FAKES if args.short else "tiny.en")
    os.environ.setdefault("PYTHONPATH", str(Path.cwd()))  # for the processes of this run
    machine, seed = card(), secrets.randbelow(1 << 20) if args.seed is None else args.seed

    def result(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"benchmark": "chaos", "machine": machine, "scenarios": kept(args.output, rows, not args.only)}

    def write(rows: list[dict[str, Any]]) -> None:
        """Writes the result so far, so that a run that is stopped leaves it."""
        if args.output:
            args.output.write_text(json.dumps(result(rows), indent=1) + "\n")
            args.output.with_suffix(".md").write_text(markdown(result(rows)))

    try:
        rows = asyncio.run(every(chosen(args.only, args.vllm), args, seed, write))
    except asyncio.CancelledError:
        sys.exit("stopped: the scenarios that were done are in --output")
    if not args.output:
        print(markdown(result(rows)))
    deliver(result(rows), args.output)
    if not all(one["held"] for one in rows):
        sys.exit(1)
