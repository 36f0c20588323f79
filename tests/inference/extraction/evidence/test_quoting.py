from hypothesis import given
from hypothesis import strategies as st

from inference.extraction.evidence.grounding import ground
from inference.extraction.evidence.quoting import located
from inference.findings import Proposal, Quote
from inference.transcript import Segment

WORDS = st.sampled_from(
    [
        "cough",
        "Fever",
        "fever.",
        "2.5",
        "25",
        "2",
        "5",
        "1,000",
        "10mg",
        "10",
        "mg",
        "can't",
        "can",
        "ﬁne",
        "fine",
        "Straße",
        "STRASSE",
        "naïve",
        "İ",
        "½",
        "ͅ",
        "ᾳ",
        "咳嗽",
        ",",
        "-",
        "I",
        "the",
    ]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
IDS = st.sampled_from(["s1", "s2", "s3", "s99"])


@given(st.lists(TEXTS, min_size=1, max_size=3), st.lists(st.tuples(IDS, TEXTS), min_size=1, max_size=4))
def test_a_quote_is_found_exactly_where_grounding_finds_it(said, quoted):
    segments = [Segment(f"s{n}", "patient", n, n + 1.0, text, final=True) for n, text in enumerate(said, 1)]
    by_id = {segment.id: segment for segment in segments}
    quotes = tuple(Quote(segment, text) for segment, text in quoted)
    wanted = [evidence for quote in quotes if (evidence := ground(quote, by_id)) is not None]
    [proposal] = located([Proposal("symptom", "x", quotes, "model")], segments)
    assert [ground(quote, by_id) for quote in proposal.quotes] == wanted
    assert all(ground(quote, {quote.segment: by_id[quote.segment]}) is not None for quote in proposal.quotes)
