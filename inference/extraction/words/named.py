"""How many different symptoms, conditions, operations and medicines a text names."""

from inference.extraction.text.tokens import sentences
from inference.extraction.words.lexicon import drugs_trie, find, findings_trie

KINDS = frozenset({"symptom", "condition", "procedure", "drug", "drug_class"})


def clinical_names(text: str) -> int:
    """Each name counts once, however often it is said, so that a loop gains nothing. For English.

    Wordings that are ordinary words too do not count.
    """
    named = {
        (match.entry.kind, match.entry.concept)
        for sentence in sentences(text)
        for trie in (findings_trie(), drugs_trie())
        for match in find(trie, sentence.tokens)
        if not match.entry.personal
    }
    return sum(kind in KINDS for kind, _ in named)
