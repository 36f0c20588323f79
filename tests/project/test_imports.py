"""The direction of imports, and that each heavy library has one home."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("inference", "server") for path in (ROOT / package).rglob("*.py"))

HOMES = {
    "ctranslate2": {"inference/asr/whisper.py"},
    "torch": {"inference/audio/vad.py", "inference/asr/mel.py", "inference/device/gpu.py", "server/runtime.py"},
    "transformers": {"inference/asr/mel.py"},
    "openai": {"inference/extraction/llm/client.py"},
    "soxr": {"inference/audio/decoding.py"},
    "av": {"server/cli/audiofile.py"},
    "prometheus_client": {"server/monitoring/metrics.py"},
    "huggingface_hub": {"inference/weights/models.py"},
    "tenacity": {"inference/extraction/reader.py"},
    "fhir": {"server/record/as_fhir.py"},
    "fpdf": {"server/record/as_pdf.py"},
    "pymupdf_fonts": {"server/record/as_pdf.py"},
}
PURE = (
    "config", "transcript", "findings", "timing", "updates",
    "audio/segmenter", "audio/downmix", "audio/formats", "audio/silence",
    "asr/guard", "asr/words", "asr/hypothesis", "asr/phantoms",
    "extraction/speech_guard", "extraction/evidence/merging", "extraction/evidence/grounding",
    "extraction/evidence/retractions", "extraction/evidence/quoting", "extraction/evidence/codes",
    "extraction/llm/prompt",
)  # fmt: skip
"""Modules without a heavy library, even through what they import; they have no `async` either."""

HEAVY = {"torch", "ctranslate2", "transformers", "openai", "aiohttp", "av", "typer", "rich", "pydantic"}


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def within(name: str, seen: set[str]) -> set[str]:
    """Top-level names that a module of `inference` imports, directly or through others of the package."""
    path = ROOT / (name.replace(".", "/") + ".py")
    path = path if path.exists() else ROOT / name.replace(".", "/") / "__init__.py"
    found: set[str] = set()
    for module in imported(path):
        found.add(module.split(".")[0])
        if module.startswith("inference") and module not in seen:
            seen.add(module)
            found |= within(module, seen)
    return found


@pytest.mark.parametrize("path", [p for p in SOURCES if p.is_relative_to(ROOT / "inference")], ids=lambda p: p.name)
def test_inference_never_imports_the_server(path):
    assert not [module for module in imported(path) if module.split(".")[0] == "server"]


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_has_one_home(library):
    users = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(module.split(".")[0] == library for module in imported(path))
    }
    assert users == HOMES[library]


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_reaches_no_heavy_library_and_does_no_waiting(module):
    assert not within(f"inference.{module.replace('/', '.')}", set()) & HEAVY
    tree = ast.parse((ROOT / "inference" / f"{module}.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
