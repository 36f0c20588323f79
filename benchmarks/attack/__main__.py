"""Attacks on a real server over loopback, and what a good session beside them notices.

    python -m benchmarks.attack [--only NAME ...] [--seconds N] [--short] [--model tiny.en] [--output FILE.json]

Each attack runs in a process of its own against a server of its own kind, while a session with real speech is
transcribed. It has held if that session lost nothing and was not late, the memory came back, the server went on, and no
patient's word, id or token stands in the log. The exit status is 1 where one has not; the last line is JSON, and a
Markdown report stands beside --output. All traffic stays on loopback; every attack is bounded in count and time.

--short has bounds for a crowded machine and less speech, and attacks four servers at a time; --seconds bounds the whole
run: the worst attacks come first, and what does not fit is left out and named.
--model fakes uses engines without models throughout.
"""

import argparse
import asyncio
import dataclasses
import time
from pathlib import Path

from benchmarks.attack.campaign import Campaign, a_seed, chosen
from benchmarks.attack.catalogue import ATTACKS
from benchmarks.attack.judge import SHORT, STRICT
from benchmarks.attack.report import markdown
from benchmarks.common.machine import card
from benchmarks.common.result import deliver

SPEECH_S, SHORT_SPEECH_S = 16.0, 4.0
SHORT_LANES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these attacks alone")
    parser.add_argument("--seconds", type=float, default=3600.0, help="no attack begins after so many seconds")
    parser.add_argument("--short", action="store_true", help="bounds for a crowded machine, and less speech")
    parser.add_argument("--model", default="tiny.en", help="of the ordinary server; fakes: none")
    parser.add_argument("--seed", type=int, default=None, help="of the fuzzers; by chance if not given")
    parser.add_argument("--list", action="store_true", help="name the attacks and what they do")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    args = parser.parse_args()
    if args.list:
        for attack in ATTACKS:
            print(f"{attack.name}: {attack.does}")
        return
    attacks = chosen(ATTACKS, args.only)
    bounds = SHORT if args.short else STRICT
    machine = card()
    campaign = Campaign(
        model=args.model,
        bounds=bounds,
        seconds=SHORT_SPEECH_S if args.short else SPEECH_S,
        seed=a_seed() if args.seed is None else args.seed,
        until=time.monotonic() + args.seconds,
        lanes=SHORT_LANES if args.short else 1,
    )
    asyncio.run(campaign.run(attacks))
    if campaign.left_out:
        print(f"left out, since {args.seconds:g} s were over: {', '.join(campaign.left_out)}", flush=True)
    result = {
        "benchmark": "attack",
        "machine": machine,
        "model": args.model,
        "seconds": campaign.seconds,
        "seed": campaign.seed,
        "bounds": dataclasses.asdict(bounds),
        "left_out": campaign.left_out,
        "attacks": campaign.rows,
    }
    if args.output:
        args.output.with_suffix(".md").write_text(markdown(result))
    else:
        print(markdown(result))
    deliver(result, args.output)
    if not all(row["held"] for row in campaign.rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
