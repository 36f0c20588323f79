"""The result of the attacks for people: a Markdown table, and what failed in sentences."""

from collections.abc import Mapping
from typing import Any

COLUMNS = (
    "attack",
    "held",
    "lag p95 (idle), ms",
    "live p99, ms",
    "memory before / peak / after, MB",
    "log lines",
    "answers",
)
MOST_CODES = 6


def markdown(result: Mapping[str, Any]) -> str:
    """What was attacked and how it held; one row for each attack."""
    machine, bounds = result["machine"], result["bounds"]
    rows = result["attacks"]
    lines = [
        f"# Attacks on {result['model']}",
        "",
        f"{sum(row['held'] for row in rows)} of {len(rows)} attacks held, with {result['seconds']:g} s of speech "
        f"beside each, seed {result['seed']}.",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, load {machine['load_before']}; "
        f"Python {machine['python']}, aiohttp {machine['packages']['aiohttp']}.",
        f"Bounds: lag p95 within {bounds['lag_ms']:g} ms of idle; /health/live within {bounds['live_ms']:g} ms at p99; "
        f"memory within {bounds['memory_share']:.0%} (or {bounds['memory_mb']:g} MB) of its start after at most "
        f"{bounds['settle_s']:g} s, and never {bounds['peak_mb']:g} MB above it; {bounds['log_lines']} log lines; "
        "nothing lost, no secret in a log.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
        *(_row(row) for row in rows),
    ]
    failed = [row for row in rows if not row["held"]]
    if failed:
        lines += ["", "## Failed", ""]
        lines += [f"- **{row['attack']}**: {fault}" for row in failed for fault in row["faults"]]
    if result["left_out"]:
        lines += ["", f"Left out for time: {', '.join(result['left_out'])}."]
    lines += ["", "## What they do", "", *(f"- **{row['attack']}**: {row['does']}" for row in rows)]
    figures = [f"- **{row['attack']}**: {_pairs(row['figures'])}" for row in rows if row["figures"]]
    if figures:
        lines += ["", "## Figures", "", *figures]
    return "\n".join(lines) + "\n"


def _row(row: Mapping[str, Any]) -> str:
    memory = row["memory_mb"]
    lag = "" if row["lag_p95_ms"] is None else f"{row['lag_p95_ms']:.0f} ({row['idle_lag_p95_ms']:.0f})"
    cells = (
        row["attack"],
        "yes" if row["held"] else "**no**",
        lag,
        "" if row["live_p99_ms"] is None else f"{row['live_p99_ms']:.0f}",
        " / ".join(f"{memory[name]:.0f}" for name in ("start", "peak", "after")) if memory else "",
        str(row["log_lines"]),
        _pairs(dict(sorted(row["codes"].items(), key=lambda pair: -pair[1])[:MOST_CODES])),
    )
    return "| " + " | ".join(cells) + " |"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items()).replace("|", "\\|")
