"""An extension that the operator named may read answers, and nobody else from another origin."""

import pytest

from tests.support.access import key
from tests.support.live import serving

OURS, OTHER = "chrome-extension://" + "abcdefgh" * 4, "chrome-extension://" + "ponmlkji" * 4
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


async def asked(server, method, path, origin, **headers):
    """(status, whom the answer may be read by, headers)."""
    async with server.http.request(method, server.url + path, headers={"Origin": origin, **headers}) as answer:
        return answer.status, answer.headers.get("Access-Control-Allow-Origin"), answer.headers


async def test_the_named_extension_asks_first_reads_who_it_is_and_gets_a_ticket_without_credentials(tmp_path):
    header = key(tmp_path / "keys", "ward-3")
    async with serving(allowed_origins=(OURS,), keys_file=tmp_path / "keys") as server:
        status, reader, headers = await asked(server, "OPTIONS", "/v1/tickets", OURS, **ASKED)
        assert (status, reader) == (204, OURS)
        assert "POST" in headers["Access-Control-Allow-Methods"]
        assert "authorization" in headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in headers
        for method, path, sent, expected in (
            ("GET", "/v1/me", header, 200),
            ("POST", "/v1/tickets", header, 200),
            ("POST", "/v1/tickets", {}, 401),
        ):
            status, reader, headers = await asked(server, method, path, OURS, **sent)
            assert (status, reader) == (expected, OURS)
            assert "Origin" in headers["Vary"]
            assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize(("allowed", "origin"), [((OURS,), OTHER), ((), OURS)])
async def test_an_extension_that_is_not_named_is_refused_and_may_read_nothing(allowed, origin):
    async with serving(allowed_origins=allowed) as server:
        for method, path in (("OPTIONS", "/v1/tickets"), ("GET", "/v1/me"), ("GET", "/ws")):
            assert (await asked(server, method, path, origin, **ASKED))[:2] == (403, None)


async def test_pages_of_other_systems_and_extensions_under_a_star_read_no_answer():
    async with serving(allowed_origins=("*", "https://emr.example")) as server:
        for origin in ("https://emr.example", OURS):
            assert (await asked(server, "GET", "/v1/me", origin))[:2] == (200, None)
            assert (await asked(server, "OPTIONS", "/v1/me", origin, **ASKED))[:2] == (405, None)
