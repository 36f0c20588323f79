"""The result of the GPU benchmark as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

SWEEP = (
    "lane", "seconds", "batch", "item_ms", "mel_ms", "encode_ms", "decode_ms", "align_ms", "tokens", "audio_s_per_s",
    "batch_s", "device_gb", "error",
)  # fmt: skip
WORKERS = ("batch", "one_worker", "two_workers", "one_batch_s", "two_batch_s", "device_gb")
ALONE = ("batch", "item_ms", "audio_s_per_s")


def markdown(result: Row) -> str:
    """Every table of a result, as far as it got."""
    machine = result["machine"]
    lines = [
        f"# {machine['gpu'] or machine['cpu']}",
        "",
        f"{machine['cpu']}, {machine['cores']} cores; Python {machine['python']}; "
        + ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version),
    ]
    if machine["gpu_card"]:
        lines.append(", ".join(f"{name} {value}" for name, value in machine["gpu_card"].items()))
        lines.append(f"cuBLAS for CTranslate2: {machine['cublas']}")
    if "check" in result:
        lines += ["", "## Against the CPU", "", *_facts(result["check"])]
    for name, unit in (("vad", "3 s chunks"), ("mel", "6 s spans")):
        if "alone" in result:
            lines += ["", f"## {name.upper()} alone, {unit}", "", *table(ALONE, result["alone"][name])]
    for model in result["models"]:
        lines += ["", f"## Weights: {model['weights']}; encoder: {model['encoder']}", ""]
        if "tokens" in model:
            lines += [f"Tokens: {model['tokens']}.", ""]
        if "sweep" in model:
            lines += ["### Batches (milliseconds an item)", "", *table(SWEEP, model["sweep"]["rows"])]
        if "workers" in model:
            lines += ["", "### Finals of 6 s, audio seconds a second", "", *table(WORKERS, model["workers"]["rows"])]
        if "streams" in model:
            lines += ["", "### Live sessions", "", *_streams(model["streams"])]
    if result["skipped"]:
        lines += ["", "## Left out for time", "", *(f"- {what}" for what in result["skipped"])]
    if result["errors"]:
        lines += ["", "## Failed", "", *(f"- {what}" for what in result["errors"])]
    return "\n".join(lines) + "\n"


def table(names: Sequence[str], rows: Iterable[Row]) -> list[str]:
    """A Markdown table of the columns that any row has."""
    rows = list(rows)
    if not rows:
        return ["Not measured."]
    used = [name for name in names if any(row.get(name) is not None for row in rows)]
    lines = ["| " + " | ".join(used) + " |", "|" + " --- |" * len(used)]
    return lines + ["| " + " | ".join(_cell(row.get(name)) for name in used) + " |" for row in rows]


def _streams(streams: Row) -> list[str]:
    rows = []
    for found in streams["trials"]:
        text, gpu = found["text_ms"], found["gpu"] or {}
        rows.append(
            {
                "sessions": found["sessions"],
                "holds": "yes" if found["holds"] else "no",
                **{f"text {name} ms": text[name] for name in ("p50", "p95", "p99")},
                **{f"{lane} p95 ms": found[f"{lane}_ms"]["p95"] for lane in ("final", "partial")},
                "batch": found["batch"],
                "tokens/audio s": found["tokens_per_audio_s"],
                "recogniser busy": found["recogniser_busy"],
                **{f"{stage} share": found["share"].get(stage) for stage in ("vad", "mel")},
                "GPU use": gpu.get("utilisation"),
                "memory GB": found["device_gb"],
                "loop CPU": found["loop_cpu"],
                "process CPU": found["process_cpu"],
                "loop lag p95 ms": found["loop_lag_ms"]["p95"],
            }
        )
    names = list(rows[0]) if rows else ["sessions"]
    head = (
        f"{streams['most_sessions']} sessions with p95 of the text under {streams['bound_s']:g} s "
        f"(workers: {streams['workers']}, batches of at most {streams['max_batch']}; "
        f"the server would take {streams['capacity_at_warm_up']}); "
        f"beyond them: {streams['limited_by']}."
    )
    return [head, "", *table(names, rows)]


def _facts(found: Row) -> list[str]:
    return [f"- {name}: {_cell(value)}" for name, value in found.items()]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 0.01 else f"{value:g}"
    return str(value)
