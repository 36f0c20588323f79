"""Attacks of clients that speak other protocols: Deepgram's live WebSocket, and the legacy contract (`--legacy`)."""

import asyncio
import base64
import json
import random
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import aiohttp
from yarl import URL

from benchmarks.attack.aim import MARK, QUIET_S, Aim
from benchmarks.attack.attacks.outages import SPEECH

CLIENTS = 4
PER_S = 50
"""Messages a second of each client."""

IN_A_ROW = 50
"""Refusals in a row after which the server closes a connection."""

Message = str | bytes
Wrong = Callable[[random.Random], Message]


async def wrong_messages_at_listen(aim: Aim) -> None:
    """Four streams of `/v1/listen` with 50 wrong messages a second each: every one is refused, and the 50th closes."""
    query = {"encoding": "linear16", "sample_rate": "16000", "keyterm": f"{MARK} term", "tag": f"{MARK} tag"}
    await _speak(aim, (aim.url / "v1/listen").with_query(query), None, _wrong_for_listen)


async def wrong_queries_at_listen(aim: Aim) -> None:
    """Streams whose query asks for what there is not, a thousand terms, numbers of 400 digits: 400 and a sentence."""
    queries = (
        "", "encoding=opus", "encoding=linear16", "encoding=linear16&sample_rate=0", "encoding=linear16&sample_rate=-1",
        f"encoding=linear16&sample_rate={'9' * 400}", "encoding=linear16&sample_rate=16000&channels=99999999",
        "encoding=linear16&sample_rate=16000&redact=pci", f"encoding=linear16&sample_rate=16000&language={MARK}",
        "encoding=linear16&sample_rate=16000&utterance_end_ms=99999999",
        "encoding=linear16&sample_rate=16000&interim_results=%FF",
        "encoding=linear16&sample_rate=16000&" + "&".join(["keyterm=x"] * 1500 + ["keyterm=y"]),
        "encoding=linear16&sample_rate=16000&keyterm=" + "x" * 5000, "encoding=%00&sample_rate=%00", "&" * 4000,
    )  # fmt: skip
    for query in queries:
        request = aim.upgrade().replace(b"GET /ws ", f"GET /v1/listen?{query} ".encode())
        status = await aim.status(request)
        aim.expect(status in (101, 400, 503), f"the query {query[:60]!r} was answered {status}")


async def wrong_messages_of_the_legacy_contract(aim: Aim) -> None:
    """Four clients of the legacy contract with 50 wrong messages a second each: junk, WAV files with wrong heads."""
    start = {
        "type": "start_session",
        "appointment_id": f"{MARK}-{{}}",
        "mode": "ambient",
        "patient": {"name": f"{MARK} Patient", "history": f"{MARK} history"},
    }
    await _speak(aim, aim.url / "ws", start, _wrong_for_legacy)


async def _speak(aim: Aim, url: URL, start: dict[str, Any] | None, wrong: Callable[[int], Iterator[Message]]) -> None:
    async with aim.http() as http:
        before = await _errors(aim, http)
        sent = sum(await asyncio.gather(*(_client(aim, http, url, start, wrong, number) for number in range(CLIENTS))))
        counted = await _errors(aim, http) - before
    aim.figures |= {"sent": sent, "refused_by_the_metric": counted}
    aim.expect(counted >= min(sent, IN_A_ROW) / 2, f"of {sent} wrong messages {counted} were counted as refused")
    aim.expect(sent < 2 * IN_A_ROW or aim.codes["1008"] > 0, "no client was closed after 50 wrong messages in a row")


async def _client(
    aim: Aim,
    http: aiohttp.ClientSession,
    url: URL,
    start: dict[str, Any] | None,
    wrong: Callable[[int], Iterator[Message]],
    number: int,
) -> int:
    """One client, which comes back each time its connection is closed; how many messages it sent."""
    sent, messages = 0, wrong(aim.seed + number)
    while aim.left_s:
        try:
            async with http.ws_connect(url, max_msg_size=0, compress=0) as ws:
                reading = asyncio.create_task(_read(aim, ws))
                if start is not None:
                    await ws.send_str(json.dumps(start).replace("{}", str(number)))
                else:
                    await ws.send_bytes(SPEECH)
                while aim.left_s and not reading.done():
                    message = next(messages)
                    with suppress(ConnectionError):
                        await (ws.send_bytes(message) if isinstance(message, bytes) else ws.send_str(message))
                    sent += 1
                    await asyncio.sleep(1 / PER_S)
                if not reading.done():
                    await ws.close()
                await reading
                aim.count(str(ws.close_code))
                aim.expect(ws.close_code != 1006, "a wrong message cut the connection off without a word")
        except aiohttp.WSServerHandshakeError as refused:
            aim.count(f"upgrade {refused.status}")
            aim.expect(refused.status in (429, 503), f"a stream was answered {refused.status}")
            await asyncio.sleep(0.2)
        except (aiohttp.ClientError, OSError, TimeoutError):
            aim.count("closed")
    return sent


async def _read(aim: Aim, ws: aiohttp.ClientWebSocketResponse) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(aim.left_s + QUIET_S):
            async for message in ws:
                if message.type is aiohttp.WSMsgType.TEXT:
                    told = json.loads(message.data)
                    code = told.get("error_code") or told.get("variant") or told.get("err_code") or ""
                    aim.secrets |= {told[name] for name in ("session_id", "request_id") if told.get(name)}
                    aim.expect("internal" not in str(code).lower(), "a wrong message ended a session with internal")


async def _errors(aim: Aim, http: aiohttp.ClientSession) -> int:
    """Messages that the server says that it has refused, of whatever kind."""
    names = ("drtranscribe_errors_total{", "drtranscribe_refused_total{")
    async with http.get(aim.url / "metrics") as response:
        lines = (await response.text()).splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(names)))


def _wrong_for_listen(seed: int) -> Iterator[Message]:
    shapes: tuple[Message, ...] = (
        "", "{", "[]", "null", "7", f'"{MARK}"', f'{{"type": "{MARK}"}}', '{"type": 7}', '{"type": null}', "{}",
        '{"type": "Finalize"', '{"type":' * 3000, "[" * 50_000, json.dumps({"type": "x" * 300_000}),
        json.dumps({"type": "KeepAlive", **{str(n): n for n in range(500)}}), '{"type": "KeepAlive", "type": 9e999}',
    )  # fmt: skip
    return _by_chance(seed, [_always(shape) for shape in shapes])


def _wrong_for_legacy(seed: int) -> Iterator[Message]:
    messages: list[Message] = [
        "", "{", "[]", f'"{MARK}"', f'{{"type": "{MARK}"}}', '{"type": "audio_chunk"}', "[" * 50_000, b"audio", b"",
        json.dumps({"type": "start_session"}), json.dumps({"type": "start_session", "appointment_id": ""}),
        json.dumps({"type": "start_session", "appointment_id": "x" * 5000, "mode": f"{MARK}"}),
        json.dumps({"type": "session_resume", "appointment_id": f"{MARK} nobody"}),
        json.dumps({"type": "audio_chunk", "source": "ambient", "audio_data": "not base64!"}),
        json.dumps({"type": "audio_chunk", "source": f"{MARK}", "audio_data": ""}),
        json.dumps({"type": "audio_chunk", "source": "ambient", "audio_data": "QUJD" * 100_000}),
        '{"type": "audio_chunk", "audio_data": "' * 40,
    ]  # fmt: skip
    return _by_chance(seed, [*map(_always, messages), *[_wrong_wav] * 12])


def _always(message: Message) -> Wrong:
    return lambda _: message


def _by_chance(seed: int, shapes: list[Wrong]) -> Iterator[Message]:
    chance = random.Random(seed)
    while True:
        yield chance.choice(shapes)(chance)


def _wrong_wav(chance: random.Random) -> Message:
    """A chunk whose WAV file has some bytes of its head changed, or is cut off."""
    head = b"RIFF" + struct.pack("<I", 1036) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    file = bytearray(head + b"data" + struct.pack("<I", 1000) + bytes(1000))
    for _ in range(chance.choice((1, 2, 4, 8))):
        file[chance.randrange(44)] = chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF))
    if chance.random() < 0.3:
        del file[chance.randrange(46) :]
    data = base64.b64encode(bytes(file)).decode()
    return json.dumps({"type": "audio_chunk", "source": "ambient", "audio_data": data})
