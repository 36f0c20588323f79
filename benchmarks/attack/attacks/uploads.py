"""Attacks with recordings, on `POST /v1/audio/transcriptions`: what they hold, what they hide, and how they come."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp

from benchmarks.attack.aim import MARK, Aim
from benchmarks.attack.attacks.recordings import silence, spoken, truncated

PLACES = 4
"""--max-files of the attacked server."""

BODY_S = 2.0
"""Its --request-timeout-s, within which a part of a body must come."""

HOUR_S = 3600.0
MOST_S = 4 * HOUR_S
"""Of a recording: the default of --max-file-s."""

AT_ONCE = 24
SPOKEN_S = 20.0
ANSWER_S = 60.0
"""For the answer to one recording beside all the others; the campaign's own time bounds it as well."""

PATH = "v1/audio/transcriptions"
ANSWERS = {200, 400, 408, 413, 429, 503}
"""Statuses of this endpoint; each but 200 comes with a code and a sentence."""


async def silent_hours(aim: Aim) -> None:
    """Recordings of 26 to 650 kB that hold four to a hundred hours of silence, some of which do not say how long."""
    tried = (
        ("4 h", silence(MOST_S - 60)),
        ("100 h, told", silence(100 * HOUR_S)),
        ("100 h, not told", silence(100 * HOUR_S, told=False)),
        ("2 min at 655 kHz", silence(120, rate=655_350)),
    )
    async with aim.http() as http:
        answers = await asyncio.gather(*(_post(aim, http, data, within_s=ANSWER_S) for _, data in tried))
    for (name, data), answer in zip(tried, answers, strict=True):
        aim.figures[name] = f"{len(data)} bytes: {answer}"
        long = name.startswith("100 h")
        aim.expect(not long or answer != "200", f"a recording of {name} was taken, which is longer than a server takes")
    aim.expect(answers[1] == "413 file_too_long", f"a recording that says it is too long was answered {answers[1]}")


async def cut_off_recordings(aim: Aim) -> None:
    """24 recordings in six containers that are cut off: each is read as far as it goes, or refused with a sentence."""
    async with aim.http() as http:
        for name, data in truncated().items():
            began = time.monotonic()
            answer = await _post(aim, http, data)
            aim.expect(answer in ("200", "400 file_unreadable", "503 full"), f"{name} was answered {answer}")
            slowest = max(time.monotonic() - began, aim.figures.get("slowest_answer_s", 0.0))
            aim.figures["slowest_answer_s"] = round(slowest, 2)


async def recordings_at_once(aim: Aim) -> None:
    """24 recordings of 20 s of speech at once at a server that takes four: all others are refused, and counted."""
    data = spoken(SPOKEN_S)
    answers: Counter[str] = Counter()
    async with aim.http() as http:
        before = await _refused(aim, http, "full")
        while True:
            answers.update(await asyncio.gather(*(_post(aim, http, data) for _ in range(AT_ONCE))))
            if not aim.left_s:
                break
        counted = await _refused(aim, http, "full") - before
    aim.figures |= {"answers": dict(answers), "refused_by_the_metric": counted}
    aim.expect(answers["200"] > 0, "no recording was transcribed at all")
    aim.expect(answers["503 full"] > 0, f"a server that takes {PLACES} recordings at once took {AT_ONCE}")
    aim.expect(counted == answers["503 full"], f"{answers['503 full']} recordings were refused and {counted} counted")


async def endless_forms(aim: Aim) -> None:
    """Forms that never end: parts without number, names and headers without end, a first boundary that never comes."""
    mark = MARK.encode()
    shapes = {
        "parts": (b"", b'--b\r\nContent-Disposition: form-data; name="' + mark + b'"\r\n\r\nx\r\n'),
        "empty parts": (b"", b"--b\r\n\r\n\r\n"),
        "headers": (b"--b\r\n", b"X-" + mark + b": " + b"x" * 1000 + b"\r\n"),
        "one header": (b"--b\r\nX: ", b"x" * 4096),
        "before the first part": (b"", mark + b"\r\n" * 500),
        "one field": (b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n', mark * 500),
        "parts within parts": (b"", b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"),
    }
    for name, (head, again) in shapes.items():
        status = await _endless(aim, head, again)
        aim.figures[name] = status
        aim.expect(status in (*map(str, ANSWERS - {200}), "closed"), f"a form of endless {name} was answered {status}")


async def slow_recordings(aim: Aim) -> None:
    """Three times as many recordings as a server takes, each a byte at a time: an honest one gets a place in time."""
    answers: Counter[str] = Counter()
    until = time.monotonic() + 6 * BODY_S

    async def trickle(number: int) -> None:
        while time.monotonic() < until:
            answers[await _trickled(aim, f"127.0.5.{1 + number}", until)] += 1

    slow = [asyncio.create_task(trickle(number)) for number in range(3 * PLACES)]
    await asyncio.sleep(BODY_S / 2)
    began, taken = time.monotonic(), None
    async with aim.http() as http:
        while time.monotonic() < until and taken != "200":
            taken = await _post(aim, http, spoken(2.0))
            await asyncio.sleep(0.02)
        waited = round(time.monotonic() - began, 1)
    await asyncio.gather(*slow)
    aim.figures |= {"slow": dict(answers), "honest_after_s": waited}
    aim.expect(taken == "200", f"an honest recording got no place in {waited:.0f} s beside slow ones: {taken}")
    aim.expect(answers["408"] > 0, "no recording that comes a byte at a time was cut off")


async def _post(aim: Aim, http: aiohttp.ClientSession, data: bytes, within_s: float = ANSWER_S) -> str:
    """The status and the code of the answer to a recording; every refusal must say what to do."""
    form = aiohttp.FormData({"prompt": f"{MARK} prompt", "model": f"{MARK}-model"})
    form.add_field("file", data, filename=f"{MARK}.wav")
    try:
        timeout = aiohttp.ClientTimeout(total=within_s)
        async with http.post(aim.url / PATH, data=form, timeout=timeout) as response:
            status, text = response.status, await response.text()
    except TimeoutError:
        return aim.count(f"no answer in {within_s:.0f} s")
    except (aiohttp.ClientError, OSError) as lost:
        return aim.count(type(lost).__name__)
    aim.expect(status in ANSWERS, f"a recording was answered {status}")
    if status == 200:
        return aim.count("200")
    error: dict[str, Any] = json.loads(text).get("error", {})
    aim.expect(len(error.get("message", "").split()) > 4, f"a refusal with {status} does not say what to do")
    return aim.count(f"{status} {error.get('code')}")


async def _refused(aim: Aim, http: aiohttp.ClientSession, code: str) -> int:
    """How many the server says that it has refused."""
    async with http.get(aim.url / "metrics") as response:
        text = await response.text()
    name = f'drtranscribe_refused_total{{code="{code}"}} '
    return int(sum(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name)))


def _head(aim: Aim) -> bytes:
    lines = (
        f"POST /{PATH} HTTP/1.1",
        f"Host: {aim.url.host}:{aim.url.port}",
        "Content-Type: multipart/form-data; boundary=b",
        "Transfer-Encoding: chunked",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


async def _endless(aim: Aim, head: bytes, again: bytes) -> str:
    """The status of the answer to a body that goes on as fast as it is taken, 20 MB at most."""
    piece = again * (65_536 // len(again) + 1)

    async def pieces() -> AsyncIterator[bytes]:
        yield head
        for _ in range(300):
            yield piece

    return await _sent(aim, "127.0.0.2", pieces(), within_s=10 * BODY_S)


async def _trickled(aim: Aim, address: str, until: float) -> str:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.wav"\r\n\r\n'
        while time.monotonic() < until:
            yield b"x"
            await asyncio.sleep(BODY_S / 5)

    return await _sent(aim, address, pieces(), within_s=6 * BODY_S)


async def _sent(aim: Aim, address: str, pieces: AsyncIterator[bytes], within_s: float) -> str:
    """The status of the answer to a body in chunks; "closed" where none came."""
    line = b""
    with suppress(OSError, TimeoutError):
        async with aim.raw(address) as (reader, writer), asyncio.timeout(within_s):
            answer = asyncio.create_task(reader.readline())
            writer.write(_head(aim))
            with suppress(ConnectionError):
                async for piece in pieces:
                    if answer.done():
                        break
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    drained = asyncio.create_task(writer.drain())
                    await asyncio.wait({answer, drained}, return_when=asyncio.FIRST_COMPLETED)
                    if not drained.done():
                        drained.cancel()
            line = await answer
    found = line.split(b" ")
    return aim.count(found[1].decode() if len(found) > 1 else "closed")
