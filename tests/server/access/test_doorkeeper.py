"""Sign-in and sign-out over HTTP, and which answers carry what."""

import re

import pytest

from server.access.access import ACCESS
from server.access.strangers import ADDRESS_AT_ONCE
from tests.support.access import Notes, key, text_of
from tests.support.live import serving


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


async def sign_in(server, body, **options):
    async with server.http.post(server.url + "/v1/sign-in", **{"json": body} | options) as response:
        told = await response.json() if response.status != 204 else {}
        return response.status, told.get("code"), response.headers.get("Set-Cookie", "")


async def test_a_key_gives_a_cookie_that_scripts_and_other_sites_do_not_get(path):
    text, notes = text_of(key(path, "ward-3", owner="clinic")), Notes()
    async with serving(keys_file=path, sign_in_s=600, audit_trail=notes) as server:
        status, _, cookie = await sign_in(server, {"key": f" {text}\n"})
        assert status == 204
        assert re.fullmatch(r"drtranscribe=[\w.-]+; HttpOnly; Max-Age=600; Path=/; SameSite=Strict", cookie)
        assert text.split("_", 2)[2] not in cookie
        shown = {"Cookie": cookie.partition(";")[0]}
        async with server.http.get(server.url + "/v1/me", headers=shown) as response:
            told = await response.json()
        assert told == {"name": "ward-3", "owner": "key:clinic", "scopes": ["read", "speak"], "sign_in": "key"}
        async with server.connect(headers=shown) as client:
            assert (await client.start())["consent"]["by"] == "ward-3"
    assert notes.lines[0] == ("sign_in", "ward-3", "ok")


async def test_behind_tls_the_cookie_is_secure_and_for_this_host_name_alone(path):
    text = text_of(key(path, "ward-3"))
    async with serving(keys_file=path) as server:
        https = {"X-Forwarded-Proto": "https"}
        _, _, cookie = await sign_in(server, {"key": text}, headers=https)
        assert cookie.startswith("__Host-drtranscribe=")
        assert "; Secure" in cookie
        shown = {"Cookie": cookie.partition(";")[0]}
        for extra, name in ((https, "ward-3"), ({}, None)):
            async with server.http.get(server.url + "/v1/me", headers={**shown, **extra}) as response:
                assert (await response.json())["name"] == name


async def test_signing_out_takes_the_cookie_back(path):
    text = text_of(key(path, "ward-3"))
    async with serving(keys_file=path) as server:
        await sign_in(server, {"key": text})
        async with server.http.post(server.url + "/v1/sign-out") as response:
            assert response.status == 204
            assert 'drtranscribe=""; HttpOnly; Max-Age=0' in response.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"json": {"key": "drt_000000000000_" + "A" * 43}}, (401, "not_authorised")),
        ({"json": {"key": 5}}, (400, "invalid_message")),
        ({"json": []}, (400, "invalid_message")),
        ({"json": None, "data": b"\xff"}, (400, "invalid_message")),
        ({"json": None, "data": b"x" * 5000}, (413, "text_too_large")),
    ],
)
async def test_what_is_no_key_is_refused_with_what_to_do_and_noted(path, options, answer):
    key(path, "ward-3")
    notes = Notes()
    async with serving(keys_file=path, audit_trail=notes) as server:
        status, code, cookie = await sign_in(server, None, **options)
        assert ((status, code), cookie) == (answer, "")
    assert notes.lines == [("refused", "anonymous", answer[1])]


async def test_who_tries_keys_is_slowed_down(path):
    text = text_of(key(path, "ward-3"))
    async with serving(keys_file=path) as server:
        for _ in range(ADDRESS_AT_ONCE + 1):
            server.app[ACCESS].strangers.refused("127.0.0.1")
        status, code, _ = await sign_in(server, {"key": text})
        assert (status, code) == (429, "too_many_unauthorised")


async def test_another_site_cannot_use_the_cookie_of_a_browser(path):
    text = text_of(key(path, "ward-3"))
    async with serving(keys_file=path) as server:
        _, _, cookie = await sign_in(server, {"key": text})
        foreign = {"Cookie": cookie.partition(";")[0], "Origin": "http://evil.example"}
        for method, target in (("POST", "/v1/tickets"), ("POST", "/v1/sign-out"), ("DELETE", "/v1/sessions/x")):
            async with server.http.request(method, server.url + target, headers=foreign) as response:
                assert (response.status, (await response.text()).partition(":")[0]) == (403, "origin_not_allowed")
