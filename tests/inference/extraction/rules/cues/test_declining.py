"""What a sentence names in order not to have it."""

import pytest

from inference.extraction.rules.cues.declining import declined, within, words_outside
from inference.extraction.text.tokens import sentences
from tests.support.consultation import findings


def ways(line: str) -> dict[str, str]:
    """The way in which each of the drugs X and Y of a line is declined."""
    tokens = sentences(line)[0].tokens
    stretches = declined(tokens)
    named = ((token.word, within(stretches, at)) for at, token in enumerate(tokens) if token.word in ("xarelto", "yaz"))
    return {word: stretch.way for word, stretch in named if stretch is not None}


@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("Take Yaz instead of Xarelto.", "contrast"),
        ("Instead of Xarelto, take Yaz.", "contrast"),
        ("Rather than start you on Xarelto, let's use Yaz.", "contrast"),
        ("Take not Xarelto but Yaz.", "contrast"),
        ("Take Yaz, not Xarelto.", "contrast"),
        ("I'd rather give you Yaz than Xarelto.", "contrast"),
        ("I prefer Yaz to Xarelto.", "contrast"),
        ("I'd take Yaz over Xarelto.", "contrast"),
        ("I'll switch you from Xarelto to Yaz.", "exchange"),
        ("Let's swap the Xarelto for Yaz.", "exchange"),
        ("I don't recommend Xarelto, take Yaz.", "refusal"),
        ("I'd advise against Xarelto but you can have Yaz.", "refusal"),
        ("There's no need for Xarelto, so I'll give you Yaz.", "refusal"),
        ("Xarelto is not a good idea, so I'll give you Yaz.", "refusal"),
        ("I declined Xarelto.", "rejection"),
        ("They offered me Xarelto but I said no.", "rejection"),
        ("Let's hold off on Xarelto and I'll give you Yaz.", "delay"),
        ("Forget the Xarelto, we'll try Yaz.", "withdrawal"),
    ],
)
def test_only_what_is_not_wanted_is_declined(line: str, way: str) -> None:
    assert ways(line) == {"xarelto": way}


@pytest.mark.parametrize(
    "line",
    [
        "Take not only Xarelto but also Yaz.",
        "Don't forget the Xarelto.",
        "They forget the Xarelto.",
        "I forgot the Xarelto yesterday.",
        "There's no need to worry, I'll give you Xarelto.",
        "I'd rather take Xarelto.",
        "I'd prefer you to take Xarelto.",
    ],
)
def test_what_is_wanted_is_not_declined(line: str) -> None:
    assert ways(line) == {}


def test_the_words_of_a_declined_stretch_order_nothing_behind_it() -> None:
    tokens = sentences("I don't recommend aspirin, take paracetamol.")[0].tokens
    assert words_outside(tokens, declined(tokens), 5) == ["i", "take"]


@pytest.mark.parametrize(
    "line",
    [
        "D: I don't recommend stopping the atorvastatin.",
        "D: I'd advise against stopping your bisoprolol.",
        "D: Don't take codeine if you drive.",
        "D: We should hold off on prednisolone.",
    ],
)
def test_nothing_is_stopped_by_words_against_stopping_or_for_a_time(line: str) -> None:
    assert [finding.text for finding in findings(line) if finding.kind == "order"] == []
