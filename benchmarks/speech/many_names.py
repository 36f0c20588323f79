"""What a vocabulary of thousands of names costs a final: the time to search it, and how often it is decoded again.

    python -m benchmarks.speech.many_names [--names 40,500,5000] [--corpus DIR] [--words 40] [--output FILE]

The names are generated: their letters follow one another as in the public list of medicines and in the 40 unusual names
of benchmarks/data. They are searched in finals of --words words out of the reference transcripts of --corpus, in which
none of them is said (the sample of the tests if none is named). Nothing is decoded. The last line is JSON.
"""

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.common.corpus import consultations
from benchmarks.common.machine import card
from benchmarks.common.percentiles import distribution
from benchmarks.common.result import deliver
from benchmarks.speech.vocabulary import NAMES
from inference.extraction.tables import load, rows
from inference.terms.packs import read_packs
from inference.terms.vocabulary import Term, Vocabulary
from inference.transcript import Word

SAMPLE = Path(__file__).parents[2] / "tests" / "data"
LETTERS = (5, 12)
EDGE = "^"


def generated(count: int, seed: int = 1) -> list[str]:
    """So many different names; each letter follows the two before it as it does in a known name."""
    known = [row[0].lower() for row in rows("drugs_public.tsv")]
    known += [term.text.lower() for term in read_packs([NAMES]).terms]
    following: defaultdict[str, list[str]] = defaultdict(list)
    for name in known:
        if name.isalpha():
            spelt = EDGE * 2 + name + EDGE
            for at in range(2, len(spelt)):
                following[spelt[at - 2 : at]].append(spelt[at])
    rng = random.Random(seed)
    made: dict[str, None] = {}
    while len(made) < count:
        name = EDGE * 2
        while len(name) <= 2 + LETTERS[1] and (letter := rng.choice(following[name[-2:]])) != EDGE:
            name += letter
        if LETTERS[0] <= len(name) - 2 <= LETTERS[1]:
            made[name[2:].capitalize()] = None
    return list(made)


def finals(corpus: Path, words: int) -> list[list[Word]]:
    """What was said, in pieces of so many words; the times do not matter to the search."""
    said = [word for one in consultations(corpus) for word in one.text.split()]
    return [
        [Word(word, at * 0.4, at * 0.4 + 0.3, 0.9) for at, word in enumerate(said[first : first + words])]
        for first in range(0, len(said) - words + 1, words)
    ]


def measure(names: int, among: list[list[Word]]) -> dict[str, Any]:
    """The time that a vocabulary takes to be built and searched, and the share of finals with candidates in it."""
    began = time.perf_counter()
    vocabulary = Vocabulary(map(Term, generated(names)))
    built_s = time.perf_counter() - began
    vocabulary.candidates(among[0])
    took, cpu, asked = [], [], 0
    for final in among:
        began, cpu_began = time.perf_counter(), time.thread_time()
        found = vocabulary.candidates(final)
        took.append((time.perf_counter() - began) * 1000)
        cpu.append((time.thread_time() - cpu_began) * 1000)
        asked += any(not candidate.spelt for candidate in found)
    return {
        "names": names,
        "built_s": round(built_s, 3),
        "search_ms": distribution(took),
        "search_cpu_ms": distribution(cpu),
        "finals_asked_about": round(asked / len(among), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", default="40,500,5000", help="sizes of the vocabulary, with commas between them")
    parser.add_argument("--corpus", type=Path, default=SAMPLE, help="NAME.flac with NAME.json")
    parser.add_argument("--words", type=int, default=40, help="words of a final")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    load()
    among = finals(args.corpus, args.words)
    levels = []
    for names in map(int, args.names.split(",")):
        levels.append(measure(names, among))
        print(levels[-1], flush=True)
    deliver(
        {"benchmark": "many-names", "machine": card(), "words": args.words, "finals": len(among), "levels": levels},
        args.output,
    )


if __name__ == "__main__":
    main()
