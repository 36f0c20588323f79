"""Are drugs found whose names the recogniser broke into other words, and is nothing made a drug that is none?

    python -m benchmarks.misheard [--texts PATH ...] [--show] [--output FILE]

- benchmarks/data/misheard.jsonl: 60 common drugs in sentences of ten kinds, spoken by three synthetic voices, as
  Whisper base (int8) and tiny.en wrote them (made by speech.py). Each goes through the rules with the correction by
  sound (inference/extraction/words/misheard.py) and without it: the share of sentences whose drug is found, and the
  drugs found that nobody named. Limits were chosen on every second drug ("dev"); the others are held out.
- Control: benchmarks/data/no_drugs.txt, sentences of our own about taking, using and giving without a drug, and the
  texts of --texts (a folder of NAME.json {"utterances": [{"text"}]}, an index.json [{"text"}], a .jsonl of {"turns"}):
  of these the sentences in which the vocabulary names no drug. A drug proposed there is false, or a true one misspelt:
  --show lists them.
- Cost: milliseconds of a segment of 40 words with nothing cached, and of loading the sounds.
The last line is JSON.
"""

import argparse
import ast
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.common.machine import card
from benchmarks.common.result import deliver
from benchmarks.misheard.speech import DATA, DRUGS, HeardSentence
from inference.extraction import ExtractionRequest
from inference.extraction.memo import Memo
from inference.extraction.rules.concepts import medication
from inference.extraction.rules.engine import RulesExtractor
from inference.extraction.tables import rows
from inference.extraction.text.tokens import sentences
from inference.extraction.words import misheard
from inference.extraction.words.lexicon import drugs_trie, find, wordings
from inference.findings import Proposal
from inference.transcript import Segment, Speaker

NO_DRUGS = Path(__file__).parents[1] / "data" / "no_drugs.txt"
DEV = frozenset(drug for drug, _ in DRUGS[::2])
KINDS = ("medication", "order", "allergy")
REPEATS = 30
LONG = (
    "So what I would like to do today is to start you on lies in April ten milligrams once a day and keep taking the "
    "met four men twice a day with food and stop using the a torva statin at night because of your legs"
)


@dataclass(slots=True)
class Tally:
    """Sentences that name one drug each: how many had it found, and which drugs were found that nobody named."""

    sentences: int = 0
    found: int = 0
    doses: int = 0
    doses_found: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    drugs: set[str] = field(default_factory=set)

    def add(self, heard: HeardSentence, proposals: Sequence[Proposal]) -> None:
        named = [p for p in proposals if p.kind in KINDS and p.text in generics()]
        right = [p for p in named if generics()[p.text] == heard.drug]
        self.sentences += 1
        self.found += bool(right)
        self.drugs.update(heard.drug for _ in right)
        if heard.dosed:
            self.doses += 1
            self.doses_found += any("dose" in p.attributes for p in right)
        self.wrong.update(f"{heard.drug} -> {p.text}" for p in named if p not in right)

    def as_dict(self) -> dict[str, Any]:
        return {
            "sentences": self.sentences,
            "found": round(self.found / max(self.sentences, 1), 4),
            "drugs_ever_found": len(self.drugs),
            "with_dose": round(self.doses_found / max(self.doses, 1), 4),
            "wrong": sum(self.wrong.values()),
            "wrong_drugs": dict(self.wrong.most_common()),
        }


@cache
def generics() -> dict[str, str]:
    """Every name of a drug and its generic name."""
    return {
        text: columns[0]
        for columns in rows("drugs.tsv")
        for text in (columns[0], *(w for w, _ in wordings(columns[1])))
    }


def proposed(text: str, speaker: Speaker, *, corrected: bool) -> list[Proposal]:
    """What the rules make of one segment."""
    consultation = ExtractionRequest((Segment("s1", speaker, 0.0, 5.0, text, True),), 0, ())
    if corrected:
        return RulesExtractor().propose(consultation)
    with patch.object(medication, "misheard", lambda tokens, recognised, *, asked=False: []):
        return RulesExtractor().propose(consultation)


def score(said: Sequence[HeardSentence], show: bool) -> dict[str, Any]:
    """Tallies by model, by half and by voice, without the correction and with it."""
    tallies: dict[tuple[str, str], Tally] = {}
    for heard in said:
        speaker: Speaker = "clinician" if heard.speaker == "clinician" else "patient"
        half = "dev" if heard.drug in DEV else "held_out"
        for name, corrected in (("before", False), ("after", True)):
            proposals = proposed(heard.text, speaker, corrected=corrected)
            for group in (heard.model, f"{heard.model}, {half}", f"{heard.model}, {half}, {heard.voice}", half):
                tallies.setdefault((group, name), Tally()).add(heard, proposals)
            if show and corrected and not any(generics().get(p.text) == heard.drug for p in proposals):
                print(f"missed  {heard.drug:20} {half:9} {heard.text}")
    groups = sorted({group for group, _ in tallies})
    return {group: {name: tallies[group, name].as_dict() for name in ("before", "after")} for group in groups}


def texts(path: Path) -> Iterator[str]:
    """The utterances of a folder or a .jsonl file."""
    if path.suffix == ".jsonl":
        for line in path.read_text().splitlines():
            turns = json.loads(line)["turns"]
            yield from (turn["text"] for turn in (ast.literal_eval(turns) if isinstance(turns, str) else turns))
        return
    for file in sorted(path.glob("*.json")):
        content = json.loads(file.read_text())
        items = content.get("utterances", []) if isinstance(content, dict) else content
        yield from (item["text"] for item in items if isinstance(item, dict) and item.get("text"))


def control(wanted: Iterator[str] | Sequence[str], show: bool) -> dict[str, Any]:
    """Of the sentences that name no drug: how many get one. Short ones are read as answers about medicines too."""
    counted, false = 0, list[str]()
    for text in wanted:
        for sentence in sentences(text):
            if find(drugs_trie(), sentence.tokens):
                continue
            counted += 1
            for match in misheard.misheard(sentence.tokens, frozenset(), asked=len(sentence.tokens) <= 4):
                words = " ".join(token.word for token in sentence.tokens[match.start : match.end])
                false.append(f"{words} -> {match.entry.concept}")
                if show:
                    print(f"control {false[-1]:45} {' '.join(sentence.words)}")
    return {"sentences": counted, "proposed": len(false), "what": dict(Counter(false).most_common(40))}


def cost() -> dict[str, float]:
    """Milliseconds: of loading the sounds, and of a long segment, warm but for what hangs on the words said.

    CPU time of the thread, so that a busy machine tells the same.
    """
    began = time.thread_time()
    misheard.load()
    load_ms = (time.thread_time() - began) * 1000
    (sentence,) = sentences(LONG)
    took = []
    for _ in range(REPEATS):
        began = time.thread_time()
        with Memo().reading():
            misheard.misheard(sentence.tokens, frozenset())
        took.append((time.thread_time() - began) * 1000)
    return {
        "words": len(sentence.tokens),
        "load_ms": round(load_ms, 1),
        "segment_ms_median": round(statistics.median(took), 2),
        "segment_ms_max": round(max(took), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores the correction of misheard drug names.")
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="folders or .jsonl files of utterances")
    parser.add_argument("--show", action="store_true", help="list what is missed and what is made a drug")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    said = [HeardSentence(**json.loads(line)) for line in DATA.read_text().splitlines()]
    result: dict[str, Any] = {
        "machine": card(),
        "cost": cost(),
        "drugs": len(DRUGS),
        "heard": score(said, args.show),
        "control": {
            "own sentences": control(NO_DRUGS.read_text().splitlines(), args.show),
            **{path.name: control(texts(path), args.show) for path in args.texts},
        },
    }
    for group, tallies in result["heard"].items():
        before, after = tallies["before"], tallies["after"]
        print(f"{group:24} found {before['found']:.3f} -> {after['found']:.3f}, wrong {after['wrong']}")
    deliver(result, args.output)
