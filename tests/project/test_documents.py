"""The documents: links lead somewhere, and the README is short and quotes the committed results."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks/README.md"]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
ROWS = {
    "symptoms": "symptom",
    "medicines": "medication",
    "allergies": "allergy",
    "family history": "family_history",
    "past history": "past_history",
    "social history": "social_history",
    "diagnoses": "diagnosis",
    "measured values": "vital",
}


@pytest.fixture(scope="module")
def readme() -> str:
    return (ROOT / "README.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(document):
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]
    assert not [link for link in links if not (document.parent / link).exists()]


def test_the_readme_has_at_most_120_lines_and_its_picture_less_than_150_kb(readme):
    assert len(readme.splitlines()) <= 120
    assert 10_000 < (ROOT / "docs/page.png").stat().st_size < 150_000


def test_the_readme_quotes_the_held_out_figures_of_the_committed_result(readme):
    scored = json.loads((ROOT / "benchmarks/results/extraction-rules.json").read_text())
    held_out = scored["texts"]["heldout"]
    by_channel, ambient = held_out["dual"], held_out["ambient"]
    kinds = by_channel["by_kind"]
    expected = {name: (kinds[kind]["f1"], ambient["by_kind"][kind]["f1"]) for name, kind in ROWS.items()}
    assert set(ROWS.values()) == set(kinds)
    for name, (dual_f1, ambient_f1) in expected.items():
        labels = kinds[ROWS[name]]["labelled"]
        plural = "label" if labels == 1 else "labels"
        assert f"| – {name} | {labels} {plural} | {dual_f1:.3f} / {ambient_f1:.3f} |" in readme
    assert f"**{by_channel['all']['f1']:.3f} / {ambient['all']['f1']:.3f}**" in readme
    assert f"{by_channel['all']['labelled']} labels" in readme
    assert f"{by_channel['status_right']:.3f} / {ambient['status_right']:.3f}" in readme
    assert f"| {scored['orders']['match']['f1']:.3f} |" in readme


NAMED = re.compile(r"`((?:[\w.]+/)+[\w.]+\.(?:py|js))`(?::((?:[\s,]*(?:and|or)?\s*`[\w.]+`)+))?")
"""A module, and after a colon the names that it defines: "`server/app.py`: `create_app`"."""


def defines(source: str, name: str) -> bool:
    last = re.escape(name.rpartition(".")[2])
    return re.search(rf"^\s*(?:(?:async )?def|class) {last}\b|^\s*{last}\s*[:=]", source, re.MULTILINE) is not None


def test_every_module_and_name_of_the_architecture_exists():
    named = NAMED.findall((ROOT / "docs/architecture.md").read_text())
    assert len([names for _, names in named if names]) > 40
    missing = []
    for module, names in named:
        path = ROOT / module
        if not path.exists():
            missing.append(module)
            continue
        source = path.read_text()
        missing += [f"{module}: {name}" for name in re.findall(r"`([\w.]+)`", names) if not defines(source, name)]
    assert not missing
