"""Consultations to be spoken: a .jsonl of {"id", "turns": [{"speaker", "text"}]}, tidied into phrases. Pure."""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Speaker = Literal["doctor", "patient"]

LONGEST_PHRASE = 24
"""Words that a voice says in one breath; a longer sentence is cut at a comma, or before a conjunction."""

CONJUNCTIONS = frozenset(["and", "but", "so", "because", "when", "if", "which", "that", "then", "or", "i"])

JOINED = ((r"\s+(n't|'\w+)\b", r"\1"), (r"\b(gon|wan) na\b", r"\1na"), (r"\bgot ta\b", "gotta"))
"""Words that a treebank's tokenizer took apart."""

SPOKEN = (
    (r"[\"“”\[\]()]", ""),
    (r"[–—…]|\.{2,}", ", "),
    (r"\b[\w']+-(?=[\s,.?!]|$)", ""),  # a word that was broken off: nobody can tell how to say it
    (r"(?<=\d)/(?=\d)", " over "),
    (r"/", " "),
    (r"\s*%", " percent"),
    (r"&", " and "),
    (r"\+", " plus "),
    (r"[$;:]", ","),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one person says before the other one does, phrase by phrase."""

    speaker: Speaker
    phrases: tuple[str, ...]


def consultations(path: Path) -> dict[str, list[Turn]]:
    """Every consultation of the file by its id. Raises SystemExit where the file has another form."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            item = json.loads(line)
            turns = ast.literal_eval(item["turns"]) if isinstance(item["turns"], str) else item["turns"]
            found[item["id"]] = [
                Turn("doctor" if turn["speaker"] == "doctor" else "patient", said)
                for turn in turns
                if (said := phrases(turn["text"]))
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise SystemExit(
                f'{path}:{number}: expected {{"id", "turns": [{{"speaker", "text"}}]}}: {error!r}'
            ) from None
    return found


def phrases(text: str) -> tuple[str, ...]:
    """The sentences of a turn as a person would say them, long ones in parts, without words that were broken off."""
    found: list[str] = []
    for sentence in re.split(r"(?<=[.?!])\s+", tidied(text)):
        found += _parts(sentence)
    return tuple(one[0].upper() + one[1:] for one in found if re.search(r"\w", one))


def tidied(text: str) -> str:
    for pattern, replacement in (*JOINED, *SPOKEN):
        text = re.sub(pattern, replacement, text)
    text = re.sub(r"\s+([,.?!])", r"\1", text)
    text = re.sub(r"([,.?!])(?:\s*[,.?!])+", r"\1", text)  # of several marks in a row the first
    text = re.sub(r"\bi\b", "I", text)
    return " ".join(text.split()).lstrip(",.?! ")


def _parts(sentence: str) -> list[str]:
    """A sentence of at most LONGEST_PHRASE words, or its parts between commas, as long as they may be."""
    found: list[str] = []
    for clause in re.split(r"(?<=,)\s+", sentence):
        for part in _breaths(clause.split()):
            if found and len(f"{found[-1]} {part}".split()) <= LONGEST_PHRASE:
                found[-1] = f"{found[-1]} {part}"
            else:
                found.append(part)
    return found


def _breaths(words: list[str]) -> list[str]:
    """Words without punctuation, halved at the conjunction nearest to the middle while they are too many."""
    if len(words) <= LONGEST_PHRASE:
        return [" ".join(words)]
    middle = len(words) // 2
    places = [i for i in range(len(words) // 4, 3 * len(words) // 4) if words[i].lower() in CONJUNCTIONS]
    cut = min(places, key=lambda i: abs(i - middle), default=middle)
    return [*_breaths(words[:cut]), *_breaths(words[cut:])]
