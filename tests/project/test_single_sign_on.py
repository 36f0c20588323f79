"""docker/apache/sign-on.conf in Debian's Apache: people sign on at an OpenID provider, and what then reaches the server.

The provider is oidc-provider-mock, which lets anybody sign on with any name and asks for no password. All else is real:
Apache, mod_auth_openidc, the server, and the browser.
"""

import asyncio
import json
import os
import re
import ssl
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.test_utils import unused_port
from playwright.async_api import BrowserContext, expect
from yarl import URL

from server.app import SESSIONS
from tests.support.access import Notes
from tests.support.browser import CHROMIUM, agree_and_start, chromium, profile
from tests.support.fakes import speech
from tests.support.live import Client, Server, serving, until
from tests.support.tools import certificate, tool

MODULES = Path("/usr/lib/apache2/modules")

if not (MODULES / "mod_auth_openidc.so").exists():
    pytest.skip("needs apache2 and libapache2-mod-auth-openidc", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one Apache and one provider for all of them

CONFIG = Path(__file__).parents[2] / "docker" / "apache" / "sign-on.conf"
ALICE, BOB, STUDENT = "alice@clinic", "bob@clinic", "student@clinic"
LOADED = (
    *("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "headers", "proxy", "proxy_http"),
    *("socache_shmcb", "ssl"),
)
MAIN = """
ServerRoot {folder}
PidFile {folder}/pid
ServerName localhost
User www-data
Group www-data
Mutex file:{folder} default
ErrorLog {folder}/error.log
StartServers 1
Listen 127.0.0.1:{port}
"""
FORGED = {"X-Forwarded-User": "mallory", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "http"}
NAVIGATION = {"Sec-Fetch-Mode": "navigate"}


@dataclass(frozen=True)
class Clinic:
    """The server behind Apache, the provider, and what the server noted in its audit trail."""

    url: str
    provider: str
    tls: ssl.SSLContext
    server: Server
    notes: Notes
    folder: Path

    @asynccontextmanager
    async def visitor(self, name: str | None = None) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with cookies of its own, which has signed on if a name is given. Paths begin at Apache's address."""
        connector = aiohttp.TCPConnector(ssl=self.tls)
        async with aiohttp.ClientSession(self.url, connector=connector, cookie_jar=aiohttp.CookieJar()) as http:
            if name is not None:
                await self.sign_on(http, name)
            yield http

    async def sign_on(self, http: aiohttp.ClientSession, name: str) -> None:
        """As a browser does: to the provider, through its form, and back with a code."""
        async with http.get("/", headers=NAVIGATION) as form:
            assert (form.status, form.url.origin()) == (200, URL(self.provider))
        async with http.post(form.url, data={"sub": name}, headers=NAVIGATION) as back:
            assert back.url.origin() == URL(self.url)

    def sign_out(self) -> str:
        return f"/sign-on?logout={quote(self.url + '/health/live', safe='')}"


@asynccontextmanager
async def ended(process: Process) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@asynccontextmanager
async def providing() -> AsyncIterator[str]:
    """An OpenID provider; its address."""
    people = [{"sub": name, "preferred_username": name, "groups": ["clinicians"]} for name in (ALICE, BOB)]
    people.append({"sub": STUDENT, "preferred_username": STUDENT, "groups": ["students"]})
    port = unused_port()
    claims = [f"--user-claims={json.dumps(person)}" for person in people]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims]
    process = await create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    async with ended(process):
        await listens(process, port)
        yield f"http://localhost:{port}"


async def listens(process: Process, port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                if process.returncode is not None:
                    raise AssertionError((await process.communicate())[1]) from None
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def configuration(folder: Path, port: int, provider: str, server: str) -> str:
    """The file as it is, with the addresses and folders of the test."""
    text = CONFIG.read_text()
    changes = {
        "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{port}>",
        "https://id.hospital.example/realms/staff": provider,
        "https://scribe.hospital.example": f"https://localhost:{port}",
        "ServerName scribe.hospital.example": "ServerName localhost",
        "http://127.0.0.1:8765": server,
        "/etc/apache2/tls/": f"{folder}/",
        "/var/log/apache2/": f"{folder}/",
    }
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    loaded = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in LOADED)
    return loaded + MAIN.format(folder=folder, port=port) + text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clinic(tmp_path_factory) -> AsyncIterator[Clinic]:
    assert find_spec("oidc_provider_mock"), "pip install -c constraints.txt '.[dev]'"
    folder, notes = tmp_path_factory.mktemp("apache"), Notes()
    pem, _ = certificate(folder)
    settings = {"trusted_proxy": "127.0.0.1/32", "user_header": "X-Forwarded-User"}
    async with providing() as provider, serving(audit_trail=notes, **settings) as server:
        port = unused_port()
        (config := folder / "apache.conf").write_text(configuration(folder, port, provider, server.url))
        secrets = {"SIGN_ON_CLIENT_SECRET": "s3cret", "SIGN_ON_PASSPHRASE": "a passphrase of the test"}
        command = [tool("apache2"), "-f", config, "-D", "FOREGROUND"]
        process = await create_subprocess_exec(*command, stderr=PIPE, env={**os.environ, **secrets})
        async with ended(process):
            await listens(process, port)
            tls = ssl.create_default_context(cafile=pem)
            yield Clinic(f"https://localhost:{port}", provider, tls, server, notes, folder)


async def status(http: aiohttp.ClientSession, path: str, **options) -> int:
    async with http.get(path, allow_redirects=False, **options) as response:
        return response.status


async def test_who_has_not_signed_on_reaches_nothing_and_a_browser_is_sent_to_the_provider(clinic):
    before = len(clinic.notes.lines)
    async with clinic.visitor() as http:
        for path in ("/", "/v1/me", "/watch", "/metrics", "/v1/sessions/x/record", "/v1/sessions/x/events", "/ws"):
            for headers in ({}, FORGED, FORGED | {"Authorization": "Bearer drt_x_y"}):
                assert await status(http, path, headers=headers) == 401, path
        for protocols in (["drtranscribe.v1"], []):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect("/ws", protocols=protocols, headers=FORGED, origin=clinic.url)
            assert refused.value.status == 401
        async with http.get("/", headers=NAVIGATION | FORGED, allow_redirects=False) as response:
            to = urlsplit(response.headers["Location"])
            assert (response.status, f"{to.scheme}://{to.netloc}") == (302, clinic.provider)
        asked = parse_qs(to.query)
        assert asked["redirect_uri"] == [f"{clinic.url}/sign-on"]
        assert (asked["response_type"], asked["code_challenge_method"]) == (["code"], ["S256"])
        assert "s3cret" not in to.query
        assert await status(http, "/sign-on?code=forged&state=forged", headers=NAVIGATION) in (302, 400)
        assert await status(http, "/v1/me", cookies={"__Host-sign-on": "forged"}) == 401
        assert await status(http, "/health/live", headers=FORGED) == 200
    assert clinic.notes.lines[before:] == [], "nothing of it came to the server"


async def test_a_header_that_a_client_wrote_itself_is_replaced_by_the_name_that_signed_on(clinic):
    async with clinic.visitor(ALICE) as http:
        async with http.get("/v1/me", headers=FORGED) as response:
            me = {"name": ALICE, "scopes": ["read", "speak"], "sign_in": "proxy", "owner": f"user:{ALICE}"}
            assert await response.json() == me
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with http.ws_connect("/ws", protocols=["drtranscribe.v1"], headers=FORGED, origin=clinic.url) as ws:
            client = Client(ws)
            started = await client.start()
            assert started["consent"]["by"] == ALICE
            await client.say(speech((1.0, 0.5), (2.0, 0)))
            assert (await client.hear("progress"))["received_samples"] == 48_000
            await client.say({"type": "stop_session"})
            assert (await client.hear("session_stopped"))["segments"] == 1
        assert await status(http, f"/v1/sessions/{started['session_id']}/record", headers=FORGED) == 200
    assert ("session_started", ALICE, "ok") in clinic.notes.lines
    assert {actor for _, actor, _ in clinic.notes.lines} <= {ALICE, BOB}
    assert "6.6.6.6" not in clinic.notes.addresses


async def test_another_user_of_the_clinic_does_not_see_the_session_and_another_group_sees_nothing(clinic):
    async with (
        clinic.visitor(ALICE) as alice,
        clinic.visitor(BOB) as bob,
        clinic.visitor(STUDENT) as student,
        alice.ws_connect("/ws", protocols=["drtranscribe.v1"], origin=clinic.url) as ws,
    ):
        started = await Client(ws).start()
        session = f"/v1/sessions/{started['session_id']}"
        record, events = f"{session}/record", f"{session}/events"
        assert await status(alice, record) == 200
        for path in (record, events):
            assert await status(bob, path, headers={"X-Forwarded-User": ALICE}) == 404
            assert await status(student, path) == 403
        async with alice.get(events) as watching:  # what is said comes at once: Apache holds nothing back
            assert watching.headers["Content-Type"] == "text/event-stream"
            await ws.send_bytes(speech((1.0, 0.5), (2.0, 0)))
            async for line in watching.content:
                if line == b"event: transcript\n":
                    break
        async with bob.delete(session) as response:
            assert response.status == 404
        await ws.send_json({"type": "stop_session"})


async def test_a_session_that_is_open_goes_on_after_its_user_has_signed_out_but_cannot_be_resumed(clinic):
    async with clinic.visitor(ALICE) as http:
        async with http.ws_connect("/ws", protocols=["drtranscribe.v1"], origin=clinic.url) as ws:
            client = Client(ws)
            started = await client.start()
            async with http.get(clinic.sign_out(), headers=NAVIGATION, allow_redirects=False) as response:
                assert response.status == 302
                assert response.headers["Location"].startswith(f"{clinic.provider}/oauth2/end_session")
            assert await status(http, "/v1/me") == 401
            await client.say(speech((1.0, 0.5), (2.0, 0)))
            assert (await client.hear("progress"))["received_samples"] == 48_000
        session = clinic.server.app[SESSIONS].known(started["session_id"])
        await until(lambda: session.attachment is None)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect("/ws", protocols=["drtranscribe.v1"], origin=clinic.url)
        assert refused.value.status == 401
        await clinic.sign_on(http, ALICE)
        async with http.ws_connect("/ws", protocols=["drtranscribe.v1"], origin=clinic.url) as ws:
            asked = {"session_id": started["session_id"], "resume_token": started["resume_token"], "last_seq": 1}
            await ws.send_json({"type": "resume_session", **asked})
            client = Client(ws)
            assert (await client.hear("session_resumed"))["received_samples"] == 48_000
            await client.say({"type": "stop_session"})
            await client.hear("session_stopped")


@pytest.mark.skipif(CHROMIUM is None, reason="needs the browser: apt-get install chromium")
async def test_in_a_browser_a_doctor_signs_on_records_a_visit_and_signs_out_and_a_colleague_sees_nothing_of_it(clinic):
    async with (
        chromium() as browser,
        profile(browser, ignore_https_errors=True) as alice,  # the certificate of the test
        clinic.visitor(BOB) as bob,
    ):
        await alice.route(re.compile(r"https://cdn\."), lambda route: route.abort())  # a style of the provider's page
        page = await alice.new_page()
        await page.goto(clinic.url)
        await page.get_by_role("button", name=ALICE).click()
        await expect(page.locator("#user")).to_have_text(ALICE)
        before = clinic.notes.sessions | {None}
        await agree_and_start(page)
        await until(lambda: bool(clinic.notes.sessions - before))
        (session_id,) = clinic.notes.sessions - before
        session = clinic.server.app[SESSIONS].known(session_id)
        assert session.owner == f"user:{ALICE}"
        record = f"/v1/sessions/{session_id}/record"
        assert (await browser_status(alice, clinic, record), await status(bob, record)) == (200, 404)
        (cookie,) = [cookie for cookie in await alice.cookies() if cookie["name"] == "__Host-sign-on"]
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
        away = await alice.new_page()
        await away.goto(clinic.url + clinic.sign_out())
        received = session.received_samples
        await until(lambda: session.received_samples > received)  # the visit goes on
        assert (await browser_status(alice, clinic, record), await status(bob, "/v1/me")) == (401, 200)


async def browser_status(context: BrowserContext, clinic: Clinic, path: str) -> int:
    """The status of a request with the cookies of a browser."""
    return (await context.request.get(clinic.url + path, max_redirects=0)).status


async def test_apache_writes_no_session_no_name_and_no_secret_into_a_log(clinic):
    async with clinic.visitor(ALICE) as http:
        assert await status(http, "/v1/sessions/Zebulon/record") == 404
    written = "".join(path.read_text() for path in clinic.folder.glob("*.log"))
    assert [word for word in ("Zebulon", "s3cret", ALICE, "/v1/") if word in written] == []
