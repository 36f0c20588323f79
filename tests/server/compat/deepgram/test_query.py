import pytest
from multidict import MultiDict
from yarl import URL

from server.compat.deepgram.query import Asked, read
from server.protocol import ProtocolError

RAW = "encoding=linear16&sample_rate=16000"


def asked(text: str) -> Asked:
    return read(MultiDict(URL(f"/?{text}").query))


def test_a_plain_query_asks_for_finals_of_one_channel():
    assert asked(RAW) == Asked(16_000)


def test_every_parameter_that_this_server_has_is_read():
    found = asked(
        f"{RAW}&channels=2&multichannel=true&interim_results=true&language=en-US&keyterm=warfarin&keyterm=Dr%20Okonkwo"
        "&punctuate=true&endpointing=300&vad_events=true&utterance_end_ms=1200&model=nova-3&smart_format=true&tag=x"
    )
    assert found == Asked(16_000, 2, True, True, "en", ("warfarin", "Dr Okonkwo"), True, 1.2)
    assert (found.mode, found.tracks) == ("dual", 2)


@pytest.mark.parametrize(
    ("query", "mode", "tracks"),
    [
        ("channels=2", "ambient", 1),
        ("channels=1&multichannel=true", "ambient", 1),
        ("multichannel=false", "ambient", 1),
    ],
)
def test_channels_get_results_of_their_own_only_where_two_are_asked_for(query, mode, tracks):
    found = asked(f"{RAW}&{query}")
    assert (found.mode, found.tracks) == (mode, tracks)


@pytest.mark.parametrize(
    ("query", "language"),
    [("language=de", "de"), ("language=pt_BR", "pt"), ("language=multi", "auto"), ("detect_language=true", "auto")],
)
def test_a_language_is_read_without_its_region(query, language):
    assert asked(f"{RAW}&{query}").language == language


def test_keywords_are_terms_without_their_weights_and_no_term_comes_twice():
    assert asked(f"{RAW}&keyterm=warfarin&keywords=warfarin:2&keywords=Ozempic:-1.5&keywords=a:b").terms == (
        "warfarin",
        "Ozempic",
        "a:b",
    )


@pytest.mark.parametrize(
    ("query", "code", "told"),
    [
        ("sample_rate=16000", "invalid_encoding", "encoding=linear16&sample_rate"),
        ("encoding=opus&sample_rate=16000", "invalid_encoding", "this encoding is not supported: send raw"),
        ("encoding=linear16", "invalid_parameter", "add sample_rate=16000"),
        (f"{RAW}&sample_rate=x&channels=two", "invalid_parameter", "channels must be a whole number"),
        (f"{RAW}&interim_results=maybe", "invalid_parameter", "interim_results must be true or false"),
        (f"{RAW}&utterance_end_ms=1000", "invalid_parameter", "needs interim_results=true"),
        (f"{RAW}&interim_results=true&utterance_end_ms=10", "invalid_parameter", "1000 to 5000"),
        (f"{RAW}&language=English%20please", "invalid_parameter", "a code such as en"),
        (f"{RAW}&redact=pci", "unsupported_parameter", "takes nothing out"),
        (f"{RAW}&replace=a:b", "unsupported_parameter", "writes what is said"),
        (f"{RAW}&callback=https://x.example", "unsupported_parameter", "on this connection alone"),
        (f"{RAW}&keyterm={'x' * 201}", "invalid_parameter", "200 characters"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_to_change(query, code, told):
    with pytest.raises(ProtocolError, match=told.replace("?", r"\?")) as fault:
        asked(query)
    assert fault.value.code == code
