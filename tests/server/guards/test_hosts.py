import pytest

from server.guards.hosts import host_allowed, origin_allowed, own_origin


@pytest.mark.parametrize(
    ("host", "allowed", "bound", "let_in"),
    [
        ("127.0.0.1:8765", (), "127.0.0.1", True),
        ("[::1]:8765", (), "127.0.0.1", True),
        ("10.1.2.3", (), "0.0.0.0", True),
        ("LocalHost.:8765", (), "127.0.0.1", True),
        ("evil.example", (), "0.0.0.0", False),
        ("2130706433", (), "127.0.0.1", False),
        ("127.0.0.1.evil.example", (), "127.0.0.1", False),
        ("scribe.lan:8765", (), "scribe.lan", True),
        ("scribe.example:1", ("scribe.example",), "127.0.0.1", True),
        ("scribe.example:1", ("scribe.example:443",), "127.0.0.1", False),
        ("scribe.example:443", ("scribe.example:443",), "127.0.0.1", True),
        ("evil.example", ("*",), "127.0.0.1", True),
        ("user@localhost", (), "127.0.0.1", False),
        ("", (), "127.0.0.1", False),
        (None, (), "127.0.0.1", False),
    ],
)
def test_a_name_is_let_in_only_if_it_is_on_the_list_and_an_address_always(host, allowed, bound, let_in):
    assert host_allowed(host, allowed, bound) is let_in


@pytest.mark.parametrize(
    ("origin", "allowed", "let_in"),
    [
        (None, (), True),
        ("https://scribe.example", (), True),
        ("https://scribe.example:443", (), True),
        ("http://scribe.example", (), False),
        ("https://scribe.example:8443", (), False),
        ("https://evil.example", (), False),
        ("https://evil.example", ("https://emr.example",), False),
        ("https://EMR.example", ("https://emr.example:443",), True),
        ("http://emr.example", ("https://emr.example",), False),
        ("https://evil.example", ("*",), True),
        ("null", (), False),
        ("null", ("*",), False),
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", (), False),
        (
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ("chrome-extension://abcdefghijklmnopabcdefghijklmnop",),
            True,
        ),
        (
            "chrome-extension://bbcdefghijklmnopabcdefghijklmnop",
            ("chrome-extension://abcdefghijklmnopabcdefghijklmnop",),
            False,
        ),
        ("https://abcdefghijklmnopabcdefghijklmnop", ("chrome-extension://abcdefghijklmnopabcdefghijklmnop",), False),
        ("chrome-extension://scribe.example", (), False),
    ],
)
def test_a_page_is_let_in_by_scheme_name_and_port_and_a_page_without_an_origin_never(origin, allowed, let_in):
    assert origin_allowed(origin, own_origin("scribe.example", "https"), allowed) is let_in
