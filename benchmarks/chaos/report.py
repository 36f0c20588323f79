"""The result of a chaos run for people: a table, what failed in sentences, and every figure."""

from collections.abc import Mapping
from typing import Any

COUNTS = {
    "samples_lost": "samples",
    "finals_lost": "finals lost",
    "finals_doubled_or_other": "finals doubled or other",
    "findings_other": "findings",
    "events_doubled": "events twice",
    "events_missing": "events missing",
}
"""What is added up over all consultations of a scenario, and the heads of its columns."""


def markdown(result: Mapping[str, Any]) -> str:
    """What was disturbed and what was lost by it; one row for each scenario."""
    machine, rows = result["machine"], result["scenarios"]
    lines = [
        "# Faults beside real servers",
        "",
        f"{sum(row['held'] for row in rows)} of {len(rows)} scenarios held; "
        f"{sum(row['short'] for row in rows)} of them were run in their short form.",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB; Python {machine['python']}, "
        f"aiohttp {machine['packages']['aiohttp']}. Load is that of the machine at the beginning and at the end of a "
        "scenario, the scenario itself included. Above the number of cores, programs waited for a core: others of this "
        f"machine had a part of it, and up to {max(row['lanes'] for row in rows)} scenarios ran at once.",
        "",
        "| scenario | held | " + " | ".join(COUNTS.values()) + " | took, s | load | model |",
        "|" + "---|" * (len(COUNTS) + 5),
        *(_row(row) for row in rows),
    ]
    failed = [row for row in rows if not row["held"]]
    if failed:
        lines += ["", "## Failed", ""]
        lines += [f"- **{row['scenario']}**: {fault}" for row in failed for fault in row["faults"]]
    lines += ["", "## What they do, and their figures", ""]
    for row in rows:
        lines += [f"**{row['scenario']}** ({row['at']}, seed {row['seed']}): {row['does']}", ""]
        lines += [f"- {name.replace('_', ' ')}: {_shown(value)}" for name, value in row["figures"].items()]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def _row(row: Mapping[str, Any]) -> str:
    figures = row["figures"]
    cells = (
        row["scenario"],
        "yes" if row["held"] else "**no**",
        *(str(figures.get(name, "")) for name in COUNTS),
        f"{row['took_s']:.0f}",
        " / ".join(f"{load:.1f}" for load in row["load"]),
        f"{row['model']}, short" if row["short"] else row["model"],
    )
    return "| " + " | ".join(cells) + " |"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_shown(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    return str(value)
