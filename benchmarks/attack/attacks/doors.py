"""Attacks on who may come in: browsers of other sites, requests that are no HTTP, starts that are abandoned."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import aiohttp

from benchmarks.attack.aim import MARK, QUIET_S, Aim

STRANGE_LANGUAGES = ("eng", "xx", "zz", "qqq", "abc")
RACERS = 20
PLACES = 8
"""Sessions at once of the server that abandoned starts are tried at: one is the good session's."""


async def rebinding(aim: Aim) -> None:
    """Pages of other sites: a name that was pointed at this host, another scheme or port, `null`, no name at all."""
    own = f"{aim.url.host}:{aim.url.port}"
    strangers = [
        ("evil.example", "http://evil.example"),
        (f"evil.example:{aim.url.port}", f"http://evil.example:{aim.url.port}"),
        ("evil.example", None),
        (own, "http://evil.example"),
        (own, f"https://{own}"),
        (own, f"ftp://{own}"),
        (own, f"http://{aim.url.host}:1"),
        (own, "null"),
        (own, f"http://{own}.evil.example"),
        (own, f"http://evil.example@{own}"),
        (f"{own}.evil.example", f"http://{own}.evil.example"),
        ("", "http://"),
    ]
    for host, origin in strangers:
        status = await aim.status(aim.upgrade(*([f"Origin: {origin}"] if origin else []), host=host))
        aim.expect(status is None or 400 <= status < 500, f"Host {host!r} with Origin {origin!r} was answered {status}")
    for path in ("/", "/health/ready", "/metrics", "/v1/sessions/x/record"):
        status = await aim.status(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
        if path.startswith("/v1"):
            aim.expect(status not in (200, 500), f"{path} for the host evil.example was answered {status}")
    welcome = aim.upgrade(f"Origin: http://{own}")
    aim.expect(await aim.status(welcome) == 101, "the server's own page was turned away")


async def malformed_requests(aim: Aim) -> None:
    """2,000 requests that are no HTTP, with an id, a token and a patient's name in each: none may stand in the log."""
    async with aim.http() as http, aim.socket(http) as line:
        started = await line.start()
        if started is None:
            aim.expect(False, "no session could be started")
            return
        session, token = started["session_id"], started["resume_token"]
        shapes = (
            f"GET /v1/sessions/{session}/record HTTP/9.9\r\nHost: x\r\n\r\n",
            f"GET  /v1/sessions/{session}/record?token={token} {MARK}\r\n\r\n",
            f"{MARK} /v1/sessions/{session}/record HTTP/1.1\r\n{token}\r\n\r\n",
            f"GET /v1/sessions/{session}/record HTTP/1.1\r\nHost: x\r\n{token} {MARK}: 1\r\n\r\n",
            f"GET /v1/sessions/{session}/record HTTP/1.1\r\nContent-Length: {MARK}\r\n\r\n",
            f"GET /{session}/{'x' * 9000}{token} HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET http://[{session} HTTP/1.1\r\nHost: x\r\n\r\n",
            f"GET /v1/sessions/{session}/record\x00 HTTP/1.1\r\nHost: {token}\r\n\r\n",
            f"{session}\r\n{token}\r\n{MARK}\r\n\r\n",
            f"POST /v1/sessions/{session}/record HTTP/1.1\r\nTransfer-Encoding: {token}\r\n\r\n",
        )
        for sent in range(2000):
            await aim.status(shapes[sent % len(shapes)].encode(), f"127.0.2.{1 + sent % 100}")
            if not aim.left_s and sent >= 200:
                break
        aim.figures["requests"] = sent + 1
        await line.say({"type": "stop_session"})
        await line.end()


async def strange_headers(aim: Aim) -> None:
    """Headers that HTTP libraries trip over: `Expect`, lengths, encodings, upgrades. None may be a 500."""
    own = f"{aim.url.host}:{aim.url.port}".encode()
    headers = (
        b"Expect: \xc3\xa9",
        b"Expect: 100-continue\xff",
        b"Expect: " + b"x" * 5000,
        b"Expect: 100-continue",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999999",
        b"Content-Length: 1\r\nContent-Length: 2",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Encoding: gzip\r\nContent-Length: 3",
        b"Range: bytes=-1-5,,9",
        b"If-Modified-Since: \xff\xfe",
        b"If-None-Match: " + b'"' * 2000,
        b"Accept-Encoding: \xc3\xa9, gzip;q=\xff",
        b"Cookie: " + b"a=b;" * 1500,
        b"Sec-WebSocket-Protocol: \xff,drtranscribe.v1\r\nUpgrade: websocket\r\nConnection: Upgrade",
        b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99999\r\nUpgrade: websocket",
        b"Origin: \xff\xfe://\xff",
        b"Forwarded: for=\xff",
    )
    for path in (b"/ws", b"/", b"/health/live", b"/static/app.js", b"/v1/sessions/x/record?format=pdf"):
        for header in headers:
            for host in (own, b"\xff\xfe"):
                request = b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + header + b"\r\n\r\n"
                status = await aim.status(request)
                aim.expect(status is None or status < 500, f"{header[:40]!r} at {path.decode()} was answered {status}")
        if not aim.left_s:
            break


async def abandoned_starts(aim: Aim) -> None:
    """Clients that start a session, send no audio and go away, until no place is left: one must be free 10 s later."""
    taken = 0
    async with aim.http() as http:
        for _ in range(PLACES * 3):
            async with aim.socket(http) as line:
                taken += await line.start() is not None
                line.ws._response.close()  # gone without a word
        aim.figures["taken"] = taken
        began = time.monotonic()
        opened = 0
        for _ in range(40):
            opened = await _open_at_once(aim, http, PLACES // 2)
            if opened == PLACES // 2 or time.monotonic() - began > 20:
                break
            await asyncio.sleep(0.5)
        waited = time.monotonic() - began
        aim.figures["free_again_s"] = round(waited, 1)
        aim.expect(
            opened == PLACES // 2, f"{waited:.0f} s after {taken} abandoned starts {opened} of {PLACES} places are free"
        )
        aim.expect(waited < 13, f"{PLACES // 2} places were free only {waited:.0f} s after {taken} abandoned starts")


async def _open_at_once(aim: Aim, http: aiohttp.ClientSession, count: int) -> int:
    """How many of so many sessions can be open at once; they are stopped."""
    opened = 0
    async with AsyncExitStack() as lines:
        for _ in range(count):
            line = await lines.enter_async_context(aim.socket(http))
            if await line.start() is None:
                break
            lines.push_async_callback(line.say, {"type": "stop_session"})
            opened += 1
    return opened


async def unknown_language(aim: Aim) -> None:
    """Starts in languages that no model knows: refused, with the list of those that it knows."""
    async with aim.http() as http:
        for language in STRANGE_LANGUAGES:
            async with aim.socket(http) as line:
                started = await line.start(language=language)
                aim.expect(started is None, f'the language "{language}" was taken')
                if started is None:
                    said = " ".join(event.get("message", "") for event in line.events)
                    aim.expect("en" in said.replace(",", " ").split(), "the refusal of a language names none to choose")
                    await line.end()
                else:
                    await line.say({"type": "stop_session"})
        async with aim.socket(http) as line:
            aim.expect(await line.start(language="en") is not None, "English was refused")
            await line.say({"type": "stop_session"})


async def hostile_resumes(aim: Aim) -> None:
    """A session of its own that is resumed with wrong tokens, beyond its end and by twenty at once."""
    async with aim.http() as http:
        async with aim.socket(http) as line:
            started = await line.start()
            if started is None:
                aim.expect(False, "no session could be started")
                return
            await line.say(bytes(32_000))
            await line.hear("progress")
        own = {"type": "resume_session", "session_id": started["session_id"], "resume_token": started["resume_token"]}
        wrong = [
            {**own, "resume_token": token, "last_seq": 0}
            for token in ("", "x", MARK * 1000, own["resume_token"][:-1], "\ud800", own["session_id"])
        ]
        wrong += [{**own, "last_seq": number} for number in (-1, 10**9, 10**400, 1.5, "1", None, True)]
        wrong += [{**own, "session_id": name, "last_seq": 0} for name in ("", "../..", MARK * 1000, "\u0000", None)]
        for message in wrong:
            async with aim.socket(http) as line:
                await line.say(json.dumps(message))
                taken = await line.hear("session_resumed", within_s=1) is not None
                aim.expect(not taken, "a wrong resume was let in")
                await line.end()
        samples = 16_000
        for _ in range(100):
            if not aim.left_s:
                break
            race = Race(RACERS)
            results = await asyncio.gather(*(race.run(aim, http, own) for _ in range(RACERS)))
            winners = [received for received in results if received is not None]
            aim.expect(len(winners) <= 1, f"{len(winners)} of {RACERS} connections hold one session at once")
            aim.expect(all(received == samples for received in winners), "a resumed session lost or doubled audio")
            samples += 320 * len(winners)
            aim.figures["races"] = aim.figures.get("races", 0) + 1
        async with aim.socket(http) as line:
            await line.say({**own, "last_seq": 0})
            if await line.hear("session_resumed") is None:
                aim.expect(False, "the session could not be resumed after the races")
                return
            await line.say({"type": "stop_session"})
            stopped = await line.hear("session_stopped")
            heard = stopped and round(stopped["audio_s"] * 16_000)
            aim.expect(heard == samples, f"{samples} samples were sent and {heard} received")


@dataclass(slots=True)
class Race:
    """Many that resume one session at once; who is let in keeps it until all others have their answer."""

    waiting: int
    decided: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, aim: Aim, http: aiohttp.ClientSession, own: dict[str, object]) -> int | None:
        """One of them: the samples that the server had, if it was let in; it adds 20 ms then."""
        try:
            async with aim.socket(http) as line:
                await line.say({**own, "last_seq": 0})
                resumed = await line.hear("session_resumed")
                self._decide()
                if resumed is None:
                    aim.codes[f"race {line.ws.close_code}"] += 1
                    return None
                listening = asyncio.create_task(line.hear("session_stopped"))  # who does not read answers no ping
                await asyncio.wait([asyncio.create_task(self.decided.wait())], timeout=QUIET_S)
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await line.say(bytes(640))
                await line.hear("progress")
                aim.codes["race won"] += 1
                return int(resumed["received_samples"])
        except (aiohttp.ClientError, ConnectionError):
            self._decide()
            return None

    def _decide(self) -> None:
        self.waiting -= 1
        if self.waiting <= 0:
            self.decided.set()


async def wrong_rates(aim: Aim) -> None:
    """Senders of what is no 16 kHz PCM: three times as fast, floats, a WAV file, noise of full scale."""
    import numpy as np

    rng = np.random.default_rng(aim.seed)
    second = rng.uniform(-0.2, 0.2, 16_000)
    wav = b"RIFF\x24\x00\xff\x7fWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"
    senders = {
        "48 kHz said to be 16": np.tile((second * 32767).astype("<i2"), 3).tobytes(),
        "floats": second.astype("<f4").tobytes(),
        "a WAV file": wav + (second * 32767).astype("<i2").tobytes(),
        "full scale": rng.integers(-32768, 32767, 16_000).astype("<i2").tobytes(),
    }

    async def send(http: aiohttp.ClientSession, name: str, data: bytes) -> None:
        async with aim.socket(http) as line:
            if await line.start() is None:
                aim.codes["no session"] += 1
                return
            for _ in range(int(aim.left_s)):
                await line.say(data)
                await asyncio.sleep(1.0)
            await line.say({"type": "stop_session"})
            stopped = await line.hear("session_stopped", within_s=30)
            aim.expect(stopped is not None, f"{name}: no session_stopped came")
            codes = sorted({event["code"] for event in line.events if event["type"] == "error"})
            aim.figures[name] = codes or "taken"
            aim.expect("internal" not in codes, f"{name}: the session failed")

    async with aim.http() as http:
        await asyncio.gather(*(send(http, name, data) for name, data in senders.items()))
