"""docker/nginx/sign-on.conf in a real nginx, before the server and a stand-in for oauth2-proxy."""

import asyncio
import re
import tomllib
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from tests.project.test_deploy import tool
from tests.support.live import Client, serving

TestServer.__test__ = False

ROOT = Path(__file__).parents[2]
CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{ listen 127.0.0.1:{port}; {sign_on} }}
}}
"""
ALICE = {"Cookie": "_oauth2_proxy=alice@clinic"}


async def authority(request: web.Request) -> web.Response:
    """Answers as oauth2-proxy does: 202 with the name for who has signed on, else 401."""
    name = request.cookies.get("_oauth2_proxy")
    if request.path != "/oauth2/auth":
        return web.Response(text="sign on here")
    assert not await request.read(), "nginx asks without the body"
    assert "X-Forwarded-Uri" not in request.headers, "ids of sessions stay out of its log"
    if name is None:
        return web.Response(status=401)
    headers = {"X-Auth-Request-Preferred-Username": name}
    if name == "old@clinic":  # a sign-on that was asked for again at the identity provider
        headers["Set-Cookie"] = "_oauth2_proxy=new; Path=/; HttpOnly; Secure; SameSite=Lax"
    return web.Response(status=202, headers=headers)


@asynccontextmanager
async def proxied(folder: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A client, and the address of nginx before everything."""
    nginx = tool("nginx")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", authority)
    settings = {"trusted_proxy": "127.0.0.1/32", "user_header": "X-Forwarded-User"}
    async with TestServer(app) as oauth2, serving(**settings) as server:
        text = (ROOT / "docker/nginx/sign-on.conf").read_text()
        text = text.replace("127.0.0.1:4180", f"127.0.0.1:{oauth2.port}")
        text = text.replace("127.0.0.1:8765", server.url.removeprefix("http://"))
        text = text.replace("/var/log/nginx/", f"{folder}/")
        port = unused_port()
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, port=port, sign_on=re.sub(r"#.*", "", text)))
        process = await create_subprocess_exec(nginx, "-p", folder, "-c", config, stderr=PIPE)
        try:
            async with asyncio.timeout(30):
                while True:
                    try:
                        _, writer = await asyncio.open_connection("127.0.0.1", port)
                    except OSError:
                        assert process.returncode is None, (await process.stderr.read()).decode()
                        await asyncio.sleep(0.02)
                    else:
                        writer.close()
                        break
            async with aiohttp.ClientSession() as http:
                yield http, f"http://127.0.0.1:{port}"
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


async def test_who_signed_on_at_the_proxy_speaks_and_reads_and_a_name_that_a_client_writes_is_replaced(tmp_path):
    async with proxied(tmp_path) as (http, url):
        forged = {"X-Forwarded-User": "mallory", "X-Forwarded-For": "6.6.6.6"}
        async with http.get(url + "/v1/me", headers=ALICE | forged) as response:
            assert await response.json() == {
                "name": "alice@clinic",
                "scopes": ["read", "speak"],
                "sign_in": "proxy",
                "owner": "user:alice@clinic",
            }
        async with http.ws_connect(f"{url}/ws", protocols=["drtranscribe.v1"], headers=ALICE | forged) as ws:
            client = Client(ws)
            started = await client.start()
            assert started["consent"]["by"] == "alice@clinic"
            await client.say(bytes(32_000))
            await client.finish()
        record = f"{url}/v1/sessions/{started['session_id']}/record"
        async with http.get(record, headers=ALICE) as response:
            assert response.status == 200
        async with http.get(record, headers={"Cookie": "_oauth2_proxy=bob"}) as response:
            assert response.status == 404


async def test_a_sign_on_that_was_renewed_reaches_the_browser_and_the_page_is_kept_to_https(tmp_path):
    async with proxied(tmp_path) as (http, url):
        async with http.post(
            f"{url}/v1/tickets", headers={"Cookie": "_oauth2_proxy=old@clinic"}, data=b"x"
        ) as response:
            assert (response.status, response.headers.getall("Set-Cookie")) == (
                200, ["_oauth2_proxy=new; Path=/; HttpOnly; Secure; SameSite=Lax"],
            )  # fmt: skip
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with http.get(url + "/v1/me", headers=ALICE) as response:
            assert "Set-Cookie" not in response.headers
        async with http.get(f"{url}/v1/sessions/Zebulon/record", headers=ALICE) as response:
            assert response.status == 404
    assert "Zebulon" not in "".join(path.read_text() for path in tmp_path.glob("*.log"))


def test_oauth2_proxy_knows_every_key_of_its_configuration_and_no_secret_stands_in_it():
    known = set((ROOT / "tests/data/oauth2_proxy_keys.txt").read_text().splitlines())
    settings = tomllib.loads((ROOT / "docker/oauth2-proxy.cfg").read_text())
    assert set(settings) <= known
    assert not {name for name in settings if "secret" in name or "password" in name}
    assert (settings["reverse_proxy"], settings["set_xauthrequest"], settings["trusted_ips"]) == (True, True, [])
    assert settings["http_address"] in (ROOT / "docker/nginx/sign-on.conf").read_text()


async def test_a_browser_without_a_sign_on_is_sent_there_and_everything_else_gets_401(tmp_path):
    async with proxied(tmp_path) as (http, url):
        page = {"Sec-Fetch-Mode": "navigate"}
        async with http.get(url + "/", headers=page, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (302, url + "/oauth2/start?rd=/")
        for target in ("/ws", "/v1/me", "/metrics"):
            async with http.get(url + target, headers={"X-Forwarded-User": "mallory"}) as response:
                assert response.status == 401
        async with http.get(url + "/oauth2/start") as response:
            assert await response.text() == "sign on here"
        async with http.get(url + "/oauth2/auth") as response:
            assert response.status == 404, "for nginx alone"
        async with http.get(url + "/health/live", headers={"X-Forwarded-User": "mallory"}) as response:
            assert response.status == 200
