"""The load benchmark's result for people: a Markdown table and a plot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = (
    ("sessions", "sessions"),
    ("holds", "holds"),
    ("coverage_lag_s.p50", "lag p50, s"),
    ("coverage_lag_s.p95", "lag p95, s"),
    ("coverage_lag_s.p99", "lag p99, s"),
    ("behind_s.p95", "behind p95, s"),
    ("final_ms.p50", "final p50, ms"),
    ("final_ms.p95", "final p95, ms"),
    ("final_ms.p99", "final p99, ms"),
    ("chunk_partial_ms.p95", "partial p95, ms"),
    ("chunk_done_ms.p95", "chunk p95, ms"),
    ("late_sends", "late"),
    ("held_sends", "held"),
    ("lost_chunks", "lost"),
    ("refused", "refused"),
    ("failed", "failed"),
    ("wer", "WER"),
    ("wer_matched", "WER, same audio"),
    ("wer_single", "WER alone"),
    ("server_cpu_s_per_audio_s", "CPU s/audio s"),
    ("memory_mb.peak", "memory, MB"),
    ("live_ms.p99", "live p99, ms"),
)
PERCENTILES = ("p50", "p95", "p99")


def value_of(level: Mapping[str, Any], path: str) -> Any:
    found: Any = level
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value < 1:
            return f"{value:.4g}"
        case float():
            return f"{value:.2f}" if value < 100 else f"{value:.0f}"
    return str(value)


def markdown(result: Mapping[str, Any]) -> str:
    """One row for each number of sessions; columns of which nothing is known are left out."""
    levels: Sequence[Mapping[str, Any]] = result["levels"]
    shown = [(path, name) for path, name in COLUMNS if any(value_of(level, path) is not None for level in levels)]
    machine = result["machine"]
    lines = [
        f"Load: {result['model']}, chunks of {result['chunk_s']:g} s, arrivals {result['arrivals']}, "
        f"{'whole recordings' if result['whole'] else str(result['seconds']) + ' s a session'}, "
        f"warm-up {result['warmup_s']:g} s, medians of {result['repeat']} run(s).",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, GPU: {machine['gpu'] or 'none'}; "
        f"load before: {machine['load_before']}.",
        f"Bound: p95 of {result['metric']} under {result['bound_s']:g} s. "
        f"Most sessions that hold: {result['most_sessions'] or 'none'}.",
        "",
        "| " + " | ".join(name for _, name in shown) + " |",
        "|" + "---|" * len(shown),
    ]
    lines += ["| " + " | ".join(cell(value_of(level, path)) for path, _ in shown) + " |" for level in levels]
    return "\n".join(lines) + "\n"


def plot(result: Mapping[str, Any], file: Path) -> None:
    """Percentiles of the coverage lag and of the final's delay over the number of sessions."""
    import matplotlib

    matplotlib.use("Agg")  # no display
    from matplotlib import pyplot

    levels = result["levels"]
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    panels = (
        ("coverage_lag_s", "coverage lag, s", 1.0),
        ("final_ms", "final, from the chunk that ends its pause, s", 0.001),
    )
    for axis, (metric, title, scale) in zip(axes, panels, strict=True):
        for percentile in PERCENTILES:
            points = [(level["sessions"], value_of(level, f"{metric}.{percentile}")) for level in levels]
            known = [(sessions, scale * value) for sessions, value in points if value is not None]
            axis.plot([x for x, _ in known], [y for _, y in known], marker="o", label=percentile)
        if metric == result["metric"]:
            axis.axhline(result["bound_s"], color="grey", linestyle="--", label=f"bound {result['bound_s']:g} s")
        axis.set_xlabel("sessions")
        axis.set_title(title)
        axis.set_ylim(bottom=0)
        axis.set_xticks([level["sessions"] for level in levels])
        axis.legend()
    figure.suptitle(f"{result['model']}, chunks of {result['chunk_s']:g} s")
    figure.savefig(file, dpi=120)
    pyplot.close(figure)
