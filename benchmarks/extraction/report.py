"""The extraction benchmark on the screen. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.extraction.orders import found_orders
from benchmarks.extraction.pairs import Pair
from benchmarks.extraction.score import Label
from inference.findings import Finding

HEADER = f"{'':24} precision  recall      F1   found  labelled"


def source_table(title: str, source: Mapping[str, Any]) -> str:
    lines = [f"{title}{HEADER[len(title) :]}"]
    for part in ("by_kind", "by_status"):
        lines += [_row(name, score) for name, score in source[part].items()]
    lines.append(_row("all", source["all"]))
    negation, evidence = source["negation"], source["evidence"]
    lines += [
        f"status right {source['status_right']} (labelled absent {negation['right_of_matched_absent']}, "
        f"present {negation['right_of_matched_present']}); exact wording F1 {source['exact_f1']}",
        f"evidence valid {evidence['valid']} of {evidence['quotes']}; flips {source['flips']}, "
        f"{source['flips_per_minute']} a minute; dropped {source['dropped']}",
        _cost(source),
        "",
    ]
    return "\n".join(lines)


def orders_table(result: Mapping[str, Any]) -> str:
    orders = result["orders"]
    lines = [f"orders{HEADER[6:]}"]
    lines += [_row(name, score) for name, score in orders["by_type"].items()]
    lines += [_row("all", orders["match"])]
    lines += [f"with quotes F1 {orders['match_f1_with_quotes']}; as MEDIQA-OE: {orders['mediqa']}", _cost(orders)]
    for part, score in result.get("medications", {}).items():
        states = f"status right {score['status_right']}, temporality {score['temporality_right']}"
        lines.append(f"{_row(f'medications {part}', score)}   {states}")
    return "\n".join([*lines, ""])


def show(name: str, found: Sequence[Finding], labels: Sequence[Label], pairs: Sequence[Pair]) -> None:
    """Every finding of a consultation with its verdict, and the labels that were missed."""
    print(f"-- {name}")
    matched = dict(pairs)
    for i, finding in enumerate(found):
        label = labels[matched[i]] if i in matched else None
        verdict = "extra" if label is None else "ok" if label["status"] == finding.status else f"is {label['status']}"
        quotes = " | ".join(evidence.quote for evidence in finding.evidence)
        kind = f"{finding.kind:15} {finding.status:8}"
        print(f"  {verdict:10} {kind} {finding.text}  [{quotes}] {dict(finding.attributes)}")
    for j, label in enumerate(labels):
        if j not in matched.values():
            print(f"  missed     {label['kind']:15} {label['status']:8} {label['text']}  [{label.get('quote', '')}]")


def show_orders(name: str, found: Sequence[Finding], labels: Sequence[Label], pairs: Sequence[Pair]) -> None:
    print(f"-- {name}")
    matched = dict(pairs)
    for i, order in enumerate(found_orders(found)):
        verdict = f"= {labels[matched[i]]['description']}" if i in matched else "extra"
        print(f"  {order.type:10} {order.description}   {verdict}")
    for j, label in enumerate(labels):
        if j not in matched.values():
            print(f"  missed     {label['order_type']:10} {label['description']}")


def _row(name: str, score: Mapping[str, float]) -> str:
    rates = f"{score['precision']:9.3f} {score['recall']:7.3f} {score['f1']:7.3f}"
    return f"{name:24} {rates} {score['found']:7} {score['labelled']:9}"


def _cost(source: Mapping[str, Any]) -> str:
    return f"a segment: ms {source['segment_ms']}, CPU {source['segment_cpu_ms']}"
