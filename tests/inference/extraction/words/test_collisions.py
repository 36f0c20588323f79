"""Words of the vocabulary that look alike to the stemmer and mean different things.

A new wording that meets a word of another concept, or a common English word, fails here until it is written as exact
words ("=piles"), or stands below with the reason why the meeting is harmless.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import pytest

from inference.extraction.tables import rows
from inference.extraction.text.tokens import normalise, sentences, stem
from inference.extraction.words.lexicon import drugs_trie, find, findings_trie, wordings
from tests.support.consultation import findings

FINDINGS = ("symptoms.tsv", "conditions.tsv", "procedures.tsv", "social.tsv")
MEDICINES = ("drugs.tsv", "drugs_public.tsv", "drug_classes.tsv")
TABLES = (*FINDINGS, *MEDICINES, "allergens.tsv", "tests.tsv", "body_parts.tsv", "complaints.tsv")
ENDINGS = ("s", "es", "ed", "d", "ing", "er", "est", "ings")

SHARED_STEMS = {
    "blister": "the complaint of a part of the body and the symptom are one",
    "shake": "the complaint of a part of the body and the symptom are one",
    "spasm": "the complaint of a part of the body and the symptom are one",
    "trembl": "the complaint of a part of the body and the symptom are one",
    "tighten": "a complaint of a part of the body; contractions are its plural noun alone",
    "contraceptiv": "a list of public names and our own name for it",
    "decongestant": "one class of medicine, alone and in a mixture",
    "hamster": "an allergen only beside an allergy, a pet elsewhere",
    "peanut": "one allergen in two wordings",
    "weed": "an allergen only beside an allergy, a drug elsewhere",
}
FORMS_OF_ONE_WORD = {
    ("footing", "foot"): "no complaint is said of a footing",
    ("footing", "feet"): "no complaint is said of a footing",
    ("antibody", "antibodies"): "one word",
    ("bodies", "body"): "one word",
    ("casualties", "casualty"): "one word",
    ("chemistry", "chemistries"): "one word",
    ("dries", "dry"): "one word",
    ("injuries", "injury"): "one word",
    ("therapies", "therapy"): "one word",
    ("heavier", "heavy"): "one word",
    ("echoes", "echo"): "one word",
}


def words_of(name: str) -> Iterator[tuple[str, str]]:
    """The wordings of one word that are matched by stem, each with its concept."""
    for columns in rows(name):
        own = [] if columns[0].startswith("!") else [columns[0]]
        for text in (*own, *(text for text, _ in wordings(columns[-1]) if len(columns) > 1)):
            said = normalise(text)
            if len(said) == 1 and not text.startswith("="):
                yield said[0], columns[0]


@cache
def by_stem() -> dict[str, dict[str, set[str]]]:
    """Of each stem the words, of each word its concepts."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name in TABLES:
        for word, concept in words_of(name):
            found[stem(word)][word].add(concept.lstrip("!"))
    return found


def bases(word: str) -> set[str]:
    """What the word may be a form of, by the endings of English and not by the stemmer."""
    found = {word, word + "e"}
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) > 1:
            base = word.removesuffix(ending)
            found |= {base, base + "e"}
            if len(base) > 2 and base[-1] == base[-2]:
                found.add(base[:-1])
    return found


def are_forms_of_one(word: str, other: str) -> bool:
    return bool(bases(word) & bases(other) - {word + "e", other + "e"}) or other in bases(word) or word in bases(other)


def test_words_of_two_concepts_share_no_stem() -> None:
    meetings = {
        key: dict(words) for key, words in by_stem().items() if len(words) > 1 and len(set().union(*words.values())) > 1
    }
    assert {key: words for key, words in meetings.items() if key not in SHARED_STEMS} == {}
    assert [key for key in SHARED_STEMS if key not in meetings] == [], "no longer shared: take it off the list"


def test_no_common_english_word_is_taken_for_a_form_of_another() -> None:
    common = {columns[0] for columns in rows("pronunciations.tsv")}
    strange = [
        (word, other)
        for word in sorted(common)
        for other in by_stem().get(stem(word), ())
        if word not in by_stem()[stem(word)] and not are_forms_of_one(word, other)
    ]
    assert [pair for pair in strange if pair not in FORMS_OF_ONE_WORD] == []


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("hives", "hiv"), ("hive", "hiv"), ("scare", "scar"), ("scared", "scar"), ("wins", "wine"), ("winning", "wine"),
        ("cute", "cut"), ("code", "cod"), ("shining", "shin"), ("spin", "spine"), ("spinning", "spine"),
        ("tapping", "tape"), ("earrings", "ear"), ("bon", "bone"), ("mol", "mole"),
    ],
)  # fmt: skip
def test_a_silent_e_tells_two_words_apart(word: str, other: str) -> None:
    assert stem(word) != stem(other)


@pytest.mark.parametrize(
    "forms",
    [
        ("ache", "aches", "aching", "ached"), ("scar", "scars", "scarred", "scarring"), ("smoke", "smoking", "smoked"),
        ("snore", "snoring"), ("vomit", "vomiting", "vomited"), ("bite", "bites", "biting"), ("stop", "stopped"),
        ("cough", "coughing", "coughed"), ("bleed", "bleeding"), ("choke", "choking"),
        ("wheeze", "wheezing"), ("operate", "operated", "operating"),
    ],
)  # fmt: skip
def test_the_forms_of_a_word_share_their_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_no_name_of_a_medicine_or_a_test_tells_a_symptom() -> None:
    told = [
        (text, match.entry.concept)
        for name in (*MEDICINES, "tests.tsv")
        for columns in rows(name)
        for text in (columns[0], *(text.removeprefix("=") for text, _ in wordings(columns[1])))
        for sentence in sentences(text)
        for match in find(findings_trie(), sentence.tokens)
        if match.entry.kind == "symptom" and match.end - match.start < len(sentence.tokens)
    ]
    assert told == []


def test_no_medicine_in_units_a_week_is_alcohol() -> None:
    drugs = {entry.concept for node in drugs_trie().walk() for entry in node.entries if entry.kind == "drug"}
    drunk = []
    for drug in sorted(drugs):
        (sentence, *_) = sentences(f"I take {drug}, 25,000 units a week")
        drunk += [drug for match in find(findings_trie(), sentence.tokens) if match.entry.concept == "alcohol"]
    assert drunk == []


@pytest.mark.parametrize(
    "said",
    [
        "I win every time we play.", "I'm scared of the dark.", "What a cute baby photo.", "The wheels spin on the ice.",
        "There is a pile of letters on the table.", "She wears earrings and leggings.", "We keep a bee hive in the garden.",
        "I left the code at the door.", "The sun is shining today.", "We taped the box and tapped on the door.",
        "It was a grave mistake.", "Gilbert drove me here.", "I put apple cider vinegar on the salad.",
        "I drink protein shakes after the gym.", "He headed back to the office.", "It's just a spot of rain.",
    ],
)  # fmt: skip
def test_everyday_words_tell_of_no_illness(said: str) -> None:
    assert [(f.kind, f.text) for f in findings(f"P: {said}") if f.kind != "medication"] == []


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("P: I'm taking weight loss tablets.", {"weight loss tablets"}),
        ("P: I take travel sickness tablets.", {"travel sickness tablets"}),
        ("D: We'll send a sputum sample and a clotting screen.", {"sputum sample"}),
    ],
)
def test_the_name_of_a_medicine_or_a_test_is_no_illness(said: str, names: set[str]) -> None:
    assert {f.kind for f in findings(said)} <= {"medication", "order"}
