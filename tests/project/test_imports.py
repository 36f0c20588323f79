"""The direction of imports, that they form no circles, and that each heavy library has one home."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("inference", "server") for path in (ROOT / package).rglob("*.py"))

PACKAGES = ("benchmarks", "drtranscribe", "inference", "server", "tools")
FOLDERS = sorted(path.parent for package in PACKAGES for path in (ROOT / package).rglob("__init__.py"))

HOMES = {
    "ctranslate2": {"inference/asr/whisper.py"},
    "torch": {
        "inference/audio/vad.py",
        "inference/asr/encoding/mel.py",
        "inference/asr/encoding/encoder.py",
        "inference/weights/variables.py",
        "inference/device/gpu.py",
        "server/runtime.py",
    },
    "transformers": {"inference/asr/encoding/mel.py"},
    "openai": {"inference/extraction/llm/client.py"},
    "soxr": {"inference/audio/resampling.py"},
    "av": {"server/media/reading.py"},
    "prometheus_client": {"server/monitoring/metrics.py"},
    "structlog": {"server/monitoring/log.py"},
    "opentelemetry": {"server/monitoring/traces.py"},
    "huggingface_hub": {"inference/weights/models.py"},
    "tenacity": {"inference/extraction/reader.py"},
    "fhir": {"server/record/as_fhir.py"},
    "jinja2": {"server/record/templates/environment.py"},
    "redis": {"server/store/redis_store.py", "server/store/together.py"},
    "aiosqlite": {"server/compat/legacy/users.py"},
    "cryptography": {"server/store/sealing.py", "server/store/sharing.py"},
    "fpdf": {"server/record/as_pdf.py"},
    "pymupdf_fonts": {"server/record/as_pdf.py"},
}
PURE = (
    "config", "transcript", "findings", "timing", "updates",
    "audio/segmenter", "audio/downmix", "audio/formats", "audio/silence",
    "asr/guard", "asr/words", "asr/hypothesis", "asr/phantoms",
    "extraction/speech_guard", "extraction/evidence/merging", "extraction/evidence/grounding",
    "extraction/evidence/retractions", "extraction/evidence/support", "extraction/evidence/codes",
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


def test_the_extractors_and_the_store_of_findings_do_not_know_each_other():
    extraction = ROOT / "inference" / "extraction"
    rooms = {"evidence": ("llm", "rules"), "llm": ("evidence", "rules"), "rules": ("evidence", "llm")}
    for room, others in rooms.items():
        names = {name for path in (extraction / room).rglob("*.py") for name in imported(path)}
        assert not [n for n in names if n.startswith(tuple(f"inference.extraction.{other}" for other in others))], room


@cache
def named(path: Path) -> tuple[str, ...]:
    """Every name that a file imports, with its module: a module of a package and an attribute of one look the same."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def entries(folder: Path, root: Path) -> dict[str, set[str]]:
    """Which of a folder's entries imports which: its modules, and each folder below it as one entry with all inside."""
    package = ".".join(folder.relative_to(root).parts)
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        entry = path.relative_to(folder).parts[0].removesuffix(".py")
        imports = found.setdefault(entry, set())
        for name in named(path):
            if name.startswith(f"{package}."):
                other = name.removeprefix(f"{package}.").split(".")[0]
                is_entry = (folder / other).is_dir() or (folder / f"{other}.py").exists()
                imports.add(other if is_entry else "__init__")
        imports.discard(entry)
    return found


def circle(imports: Mapping[str, set[str]]) -> str | None:
    """A circle of imports, written as `one -> other -> one`."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return " -> ".join(reversed(error.args[1]))
    return None


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_entries_of_a_folder_do_not_import_each_other_in_a_circle(folder):
    assert circle(entries(folder, ROOT)) is None


def test_a_circle_through_a_folder_below_is_found_and_named(tmp_path):
    for name, text in {
        "p/__init__.py": "",
        "p/one.py": "from p.below.deep import x",
        "p/below/__init__.py": "",
        "p/below/deep.py": "def x():\n    import p.two",
        "p/two.py": "from p import one",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = circle(entries(tmp_path / "p", tmp_path))
    assert found is not None
    assert sorted(found.split(" -> ")[1:]) == ["below", "one", "two"]
    assert "one -> below" in found
    assert circle(entries(tmp_path / "p" / "below", tmp_path)) is None


def test_a_circle_through_the_package_itself_is_found(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "__init__.py").write_text("from p.one import x")
    (tmp_path / "p" / "one.py").write_text("from p import y")
    assert circle(entries(tmp_path / "p", tmp_path)) is not None
