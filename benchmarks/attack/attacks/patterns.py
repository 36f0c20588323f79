"""The compiled regular expressions of the product, and strings that make a careless one slow."""

import importlib
import pkgutil
import re
import time
import warnings
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from hypothesis import strategies as st

import inference
import server
from benchmarks.attack.attacks.drawing import drawn

SIZES = (1000, 8000)
DEPTH = 6
FILLERS = (" ", "a", "1", "a ", "1,", "aa-", "\n", "é", "'s ", ". ")

Pattern = re.Pattern[str]


@cache
def every_pattern() -> list[tuple[str, Pattern]]:
    """(where it stands, pattern) of every module of the product, those inside containers and objects too."""
    found: dict[tuple[str, int], tuple[str, Pattern]] = {}
    for module in _modules():
        for name, value in vars(module).items():
            for pattern in _inside(value, DEPTH, module.__name__, set()):
                found.setdefault((pattern.pattern, pattern.flags), (f"{module.__name__}.{name}", pattern))
    return sorted(found.values(), key=lambda place: (place[0], place[1].pattern))


def _modules() -> Iterator[ModuleType]:
    for package in (inference, server):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def _inside(value: Any, depth: int, module: str, seen: set[int]) -> Iterator[Pattern]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
        return
    if depth == 0 or id(value) in seen or isinstance(value, ModuleType | str | bytes | int | float):
        return
    seen.add(id(value))
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = [*value, *value.values()] if len(value) < 5000 else []
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value) if len(value) < 5000 else []
    elif getattr(value, "__module__", None) == module or type(value).__module__ == module:
        parts = list(getattr(value, "__dict__", {}).values())
        slots = [name for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)]
        parts += [getattr(value, name) for name in slots]
        parts += [
            *(getattr(value, "__defaults__", None) or ()),
            *(getattr(value, "__kwdefaults__", None) or {}).values(),
        ]
        for cell in getattr(value, "__closure__", None) or ():
            parts.append(cell.cell_contents)
    for part in parts:
        yield from _inside(part, depth - 1, module, seen)


def timed(pattern: Pattern, number: int) -> Iterator[float]:
    """The seconds of CPU that each use of the pattern takes on each of its hostile strings."""
    for size in SIZES:
        for text in hostile(pattern, size, number):
            for use in (pattern.search, pattern.fullmatch, lambda text: sum(1 for _ in pattern.finditer(text))):
                began = time.process_time()
                use(text)
                yield time.process_time() - began


def hostile(pattern: Pattern, size: int, number: int) -> list[str]:
    """Strings that the pattern nearly matches, over and over, with an end that it does not take."""
    words = re.findall(r"[a-z]+|\d+", re.sub(r"\\[a-zA-Z]|\?P<\w+>", " ", pattern.pattern))[:12]
    pieces = [*FILLERS, *words[:4], " ".join(words), *_matches(pattern, number)]
    return [(piece * (size // len(piece) + 1))[:size] + "\x00!" for piece in dict.fromkeys(pieces) if piece]


def _matches(pattern: Pattern, number: int) -> list[str]:
    """Some strings that match, and the beginnings of them; none where hypothesis cannot invert the pattern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            whole = drawn(st.from_regex(pattern), 4, number)
        except Exception:  # lookarounds may be unsatisfiable for it: the words of the pattern are left
            return []
    return [text[:200] for text in whole] + [text[: max(1, len(text) // 2)][:100] for text in whole]
