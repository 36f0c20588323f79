"""What others than our own clients may send, with a marked word in every part of it: see test_marked_words.py."""

import base64
import io
import json
import wave
from contextlib import suppress

import aiohttp

from tests.support.fakes import speech

MARK = "Zebulon"
EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
SAID = f"{MARK}-speech has a cough"
"""What the engine of that test hears."""

Key = dict[str, str]


async def all_of_them(http: aiohttp.ClientSession, url: str, session: str, key: Key) -> list[str]:
    """Speaks as each of them; `session` is one that is open. Returns the ids of the sessions that they began."""
    await doctors(http, url, key)
    await extension_options(http, url, key)
    await recordings(http, url, key)
    await viewers(http, url, session, key)
    return [await deepgram(http, url, key), await legacy(http, url, key)]


async def doctors(http: aiohttp.ClientSession, url: str, key: Key) -> None:
    doctor = {"name": f"{MARK}-doctor", "phone": "9876543210", "email": f"{MARK}@clinic.example"}
    wrong = {**doctor, "email": f"{MARK}-no-email"}
    for body in (doctor, doctor, wrong):
        async with http.post(f"{url}/users", json=body, headers=key) as response:
            assert response.status in (201, 409, 422)
    for broken in (json.dumps(wrong), f"{MARK}-no-json"):
        async with http.post(f"{url}/api/doctors", data=broken, headers=key) as response:
            assert response.status == 400
    paths = ("/users/{}@clinic.example", "/users/{}-nobody", "/api/doctors/{}", "/api/doctors/lookup?email={}")
    for path in paths:
        async with http.get(url + path.format(MARK), headers=key) as response:
            assert response.status in (200, 404)


async def extension_options(http: aiohttp.ClientSession, url: str, key: Key) -> None:
    """The extension's page of settings tries each address with the key that somebody typed in."""
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": f"{MARK}-header"}
    typed = {"Authorization": f"Bearer {MARK}-typed-key"}
    foreign = {"Origin": f"chrome-extension://{MARK.lower()}"}
    for method, headers, status in (
        ("OPTIONS", {"Origin": EXTENSION, **asks}, 204),
        ("GET", {"Origin": EXTENSION, **typed}, 200),  # which says that nobody is known by it
        ("GET", {"Origin": EXTENSION, **key}, 200),
        ("GET", {**foreign, **key}, 403),
        ("OPTIONS", {**foreign, **asks}, 403),
    ):
        async with http.request(method, f"{url}/v1/me?{MARK}-query", headers=headers) as response:
            assert response.status == status, (method, headers, await response.text())
    with suppress(aiohttp.WSServerHandshakeError):
        offered = ["drtranscribe.v1", f"bearer.{MARK}-typed-ticket"]
        async with http.ws_connect(f"{url}/ws", protocols=offered, origin=EXTENSION) as ws:
            await ws.receive()


async def recordings(http: aiohttp.ClientSession, url: str, key: Key) -> None:
    """`POST /v1/audio/transcriptions`: one that is heard, one at which the engine fails, and forms that are refused."""
    heard, failing = wav(speech((1.0, 0.5), (1.0, 0))), wav(speech((1.0, 0.9), (1.0, 0)))
    for data, status, fields in (
        (heard, 200, {"response_format": "verbose_json"}),
        (heard, 200, {"stream": "true"}),
        (failing, 500, {}),
        (failing, 500, {"stream": "true"}),
        (f"{MARK}-no-audio".encode() * 100, 400, {}),
        (heard[:30] + f"{MARK}-in-a-header".encode(), 400, {}),
        (heard, 400, {"language": f"{MARK}-language", "response_format": f"{MARK}-format"}),
        (heard, 413, {"prompt": f"{MARK}-prompt" * 7000}),
    ):
        form = aiohttp.FormData({"prompt": f"{MARK}-prompt", f"{MARK}-field": f"{MARK}-value", **fields})
        form.add_field("file", data, filename=f"{MARK}-name.wav", content_type="audio/wav")
        path = f"{url}/v1/audio/transcriptions?user={MARK}-query"
        async with http.post(path, data=form, headers={**key, "X-Name": f"{MARK}-header"}) as response:
            text = await response.text()
            assert response.status == status, text
        assert (SAID in text) == (status == 200 and data is heard)
    async with http.post(
        f"{url}/v1/audio/transcriptions",
        data=f"--b\r\n{MARK}-head\r\n\r\n{MARK}-body\r\n--b--",
        headers={**key, "Content-Type": f"multipart/form-data; boundary={MARK}"},
    ) as response:
        assert response.status == 400


async def viewers(http: aiohttp.ClientSession, url: str, session: str, key: Key) -> None:
    path = f"{url}/v1/sessions/{session}/events"
    async with http.get(f"{path}?name={MARK}-query", headers={**key, "X-Name": f"{MARK}-header"}) as response:
        seen = b""
        while f"{MARK}-speech".encode() not in seen:  # the words of the patient are in the stream
            seen += await response.content.readany()
    for wrong, headers, status in (
        (path, {"Last-Event-ID": f"{MARK}-event"}, 400),
        (f"{path}?last_event_id={MARK}-event", {}, 400),
        (f"{url}/v1/sessions/{MARK}-session/events", {}, 404),
        (f"{url}/watch?{MARK}-query", {"Referer": f"{url}/{MARK}-referer"}, 200),
    ):
        async with http.get(wrong, headers={**key, **headers}) as response:
            assert response.status == status


async def deepgram(http: aiohttp.ClientSession, url: str, key: Key) -> str:
    listen = f"{url}/v1/listen?encoding=linear16&sample_rate=16000&keyterm={MARK}-term&tag={MARK}-tag"
    for wrong in (f"&language={MARK}-language", f"&redact={MARK}-redact", f"&interim_results={MARK}-flag"):
        with suppress(aiohttp.WSServerHandshakeError):
            await http.ws_connect(listen + wrong, headers=key)
    async with http.ws_connect(listen, headers=key) as ws:
        await ws.send_bytes(speech((1.0, 0.5), (2.0, 0)))
        for message in (f'{{"type": "{MARK}-type"}}', f"{MARK}-broken", f'{{"{MARK}-key": 1}}'):
            await ws.send_str(message)
        await ws.send_bytes(speech((1.0, 0.9), (2.0, 0)))  # the recogniser fails
        await ws.send_str('{"type": "CloseStream"}')
        assert SAID in "".join([message.data async for message in ws])
        return ws._response.headers["dg-request-id"]


async def legacy(http: aiohttp.ClientSession, url: str, key: Key) -> str:
    async with http.ws_connect(f"{url}/ws", headers=key) as ws:
        patient = {"name": f"{MARK}-name", "age": f"{MARK}-age"}
        for fields in (
            {"type": "start_session", "appointment_id": f"{MARK}-appointment", "patient": patient},
            {"type": "session_resume", "appointment_id": f"{MARK}-appointment"},
            {"type": f"{MARK}-type"},
        ):
            await ws.send_json(fields)
            assert (await ws.receive_json())["type"] == "error"
        known = {"name": f"{MARK}-name", "age": 40, "history": f"{MARK}-history"}
        start = {"appointment_id": f"{MARK}-appointment", "doctor_id": f"{MARK}-doctor", "mode": "ambient"}
        await ws.send_json({"type": "start_session", "patient": known, **start})
        session: str = (await ws.receive_json())["session_id"]
        audio = base64.b64encode(wav(speech((1.0, 0.5), (2.0, 0)))).decode()
        for data, source in ((MARK, f"{MARK}-source"), (f"{MARK}-no-wav", "ambient"), (audio, "ambient")):
            await ws.send_json({"type": "audio_chunk", "audio_data": data, "source": source})
        heard = ""
        while SAID not in heard:
            heard = await ws.receive_str(timeout=60)
        await ws.send_json({"type": "stop_session"})
        while '"session_stopped"' not in heard:
            heard = await ws.receive_str(timeout=60)
    return session


def wav(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 16_000, 0, "NONE", ""))
        written.writeframes(samples)
    return file.getvalue()
