"""`GET /v1/sessions/ID/record` over a real server, and `drtranscribe transcribe --record`."""

import asyncio
import io
import json
import os
import queue
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fhir.resources.R4B.bundle import Bundle
from pypdf import PdfReader
from typer.testing import CliRunner

from drtranscribe.record import _beside
from server.app import RENDERING
from server.cli.main import app
from server.record.formats import FORMATS, NAMES
from server.record.rendering import RecordsBusy, Rendering, RenderingFailed
from tests.support.access import Notes, key, text_of
from tests.support.fakes import speech
from tests.support.live import Client, Server, serving, until

SENTENCE = Path(__file__).parents[2] / "data" / "sentence.flac"
PATIENT = {"name": "Zebulon Quine", "age": 61, "gender": "male", "history": "Gout."}
AUDIO = speech((0.5, 0), (2, 0.5), (1.5, 0))


def record_path(client: Client, format_: str | None = None) -> str:
    session_id = client.events[0]["session_id"]
    return f"/v1/sessions/{session_id}/record" + (f"?format={format_}" if format_ else "")


async def fetch(server: Server, client: Client, format_: str | None = None) -> tuple[int, dict[str, str], bytes]:
    async with server.http.get(server.url + record_path(client, format_)) as response:
        return response.status, dict(response.headers), await response.read()


async def talk(client: Client) -> None:
    await client.start(patient=PATIENT)
    await client.say(AUDIO)
    await client.say({"type": "marker", "id": 1})
    await client.hear("marker")


def stand(client: Client) -> list[dict]:
    ops = [op for event in client.events if event["type"] == "extraction" for op in event["ops"]]
    return [op["finding"] for op in ops if op["op"] != "retract"]


async def test_a_draft_is_there_while_the_session_runs_and_the_record_after_its_end():
    async with serving() as server, server.connect() as client:
        await talk(client)
        status, _, body = await fetch(server, client)
        draft = json.loads(body)
        assert (status, draft["state"]) == (200, "open")
        assert draft["findings"] == stand(client) != []
        assert draft["patient"] == PATIENT
        await client.say({"type": "confirm_finding", "finding_id": "f1"})
        await client.hear("extraction")
        await client.finish()
        ended = json.loads((await fetch(server, client))[2])
    assert (ended["state"], ended["audio_s"], ended["mode"]) == ("ended", 4.0, "ambient")
    assert ended["seq"] == client.events[-1]["seq"]
    assert ended["findings"][0]["source"] == "clinician"
    assert [(s["id"], s["start"], s["end"], s["text"]) for s in ended["segments"]] == client.finals()


@pytest.mark.parametrize("format_", NAMES)
async def test_each_format_has_its_type_and_a_file_name_without_a_patient_and_is_not_kept(format_):
    async with serving() as server, server.connect() as client:
        await talk(client)
        status, headers, body = await fetch(server, client, format_)
        (finding,) = stand(client)
    assert status == 200
    assert headers["Content-Type"] == FORMATS[format_].content_type
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Disposition"].startswith('attachment; filename="consultation-2')
    assert headers["Content-Disposition"].endswith(f'{FORMATS[format_].suffix}"')
    assert "access-control-allow-origin" not in {name.lower() for name in headers}
    assert not any(word in f"{headers}" for word in ("Zebulon", "Quine", client.events[0]["resume_token"]))
    if format_ == "fhir":
        assert Bundle.model_validate_json(body).type == "document"
    elif format_ == "pdf":
        body = PdfReader(io.BytesIO(body)).pages[0].extract_text().encode()
    text = body.decode()
    assert finding["text"] in text
    assert "Zebulon Quine" in text


async def test_an_unknown_session_and_an_unknown_format_are_told_what_there_is():
    notes = Notes()
    async with serving(audit_trail=notes) as server, server.connect() as client:
        await talk(client)
        status, _, body = await fetch(server, client, "docx")
        assert status == 400
        assert json.loads(body)["code"] == "unknown_format"
        assert "json, markdown, fhir, pdf" in json.loads(body)["message"]
        for path in ("/v1/sessions/nobody/record", "/v1/sessions/nobody/record?format=pdf"):
            status, text = await server.get(path)
            assert status == 404
            assert json.loads(text)["code"] == "no_such_session"
    codes = [outcome for action, _, outcome in notes.lines if action == "record_read"]
    assert codes == ["unknown_format", "no_such_session", "no_such_session"]


async def test_a_record_is_gone_with_its_session():
    async with serving(resume_ttl_s=0.1, retention=0.1) as server, server.connect() as client:
        await talk(client)
        await client.finish()
        statuses = []
        while not statuses or statuses[-1] == 200:
            statuses.append((await fetch(server, client))[0])
    assert statuses[-1] == 404


async def test_a_format_that_is_not_installed_is_501_and_the_others_go_on(monkeypatch):
    async with serving() as server, server.connect() as client:
        await talk(client)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        status, _, body = await fetch(server, client, "pdf")
        assert status == 501
        assert 'pip install "drtranscribe[clinical]"' in json.loads(body)["message"]
        assert (await fetch(server, client, "markdown"))[0] == 200


async def test_a_rendering_does_not_hold_up_the_loop():
    async with serving() as server, server.connect() as client:
        await talk(client)
        assert (await fetch(server, client))[0] == 200
        process = server.app[RENDERING]._process
        os.kill(process.pid, signal.SIGSTOP)
        waiting = asyncio.create_task(fetch(server, client))
        await until(lambda: server.app[RENDERING]._waiting == 1)
        await client.say({"type": "marker", "id": 2})  # answered while a record is made
        assert (await client.hear("marker"))["id"] == 2
        assert not waiting.done()
        os.kill(process.pid, signal.SIGCONT)
        assert (await waiting)[0] == 200


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [(RecordsBusy(), 503, "records_busy"), (RenderingFailed("ValueError < as_pdf.py:1"), 500, "record_failed")],
)
async def test_a_record_that_is_not_made_is_told_counted_and_noted(monkeypatch, raised, status, code):
    async def render(self, job):
        raise raised

    monkeypatch.setattr(Rendering, "render", render)
    notes = Notes()
    async with serving(audit_trail=notes) as server, server.connect() as client:
        await talk(client)
        answered, headers, body = await fetch(server, client)
        _, metrics = await server.get("/metrics")
    assert (answered, json.loads(body)["code"]) == (status, code)
    assert headers.get("Retry-After") == ("5" if status == 503 else None)
    assert f'drtranscribe_records_refused_total{{code="{code}"}} 1.0' in metrics
    assert "as_pdf" not in body.decode()
    assert [line for line in notes.lines if line[0] == "record_read"] == [("record_read", "anonymous", code)]
    assert notes.sessions == {client.events[0]["session_id"]}


@contextmanager
def server_in_a_thread(**settings: object) -> Iterator[str]:
    """A real server on fakes, for a command that runs its own loop."""
    listening: queue.Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def serve() -> None:
        async with serving(**settings) as server:
            over = asyncio.Event()
            listening.put((server.url.replace("http", "ws"), asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        url, loop, over = listening.get(timeout=60)
        yield url
        loop.call_soon_threadsafe(over.set)
    finally:
        thread.join()


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_recording_played_to_a_server_leaves_its_record_in_every_format_that_was_asked_for(tmp_path):
    paths = [tmp_path / f"out{form.suffix}" for form in FORMATS.values()]
    flags = [part for path in paths for part in ("--record", path)]
    with server_in_a_thread() as url:
        code, _, err = run("transcribe", SENTENCE, "--server", url, "--speed", 0, *flags)
    assert (code, err) == (0, "")
    fields = json.loads(paths[0].read_text())
    assert fields["state"] == "ended"
    assert fields["findings"]
    assert paths[1].read_text().startswith("# Consultation record")
    assert Bundle.model_validate_json(paths[2].read_bytes()).type == "document"
    assert paths[3].read_bytes().startswith(b"%PDF-")


async def test_a_note_comes_in_the_form_of_a_template_of_ours_or_of_the_site(tmp_path):
    (tmp_path / "ward.html").write_text(
        "{# title: Ward #}\n{% for finding in findings %}<p>{{ finding }}</p>{% endfor %}"
    )
    async with serving(templates=tmp_path) as server, server.connect() as client:
        await talk(client)
        async with server.http.get(f"{server.url}/v1/templates") as response:
            listed = (await response.json())["templates"]
        assert [each["name"] for each in listed] == ["patient", "problems", "referral", "soap", "ward"]
        assert listed[-1] == {"name": "ward", "title": "Ward", "kind": "html"}
        path = f"{server.url}{record_path(client)}"
        async with server.http.get(path, params={"format": "text", "template": "ward"}) as response:
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert response.headers["Content-Disposition"].endswith('.html"')
            assert (await response.text()).startswith(f"<p>{stand(client)[0]['text']}")
        async with server.http.get(path, params={"format": "lines", "template": "problems"}) as response:
            lines = await response.json()
        assert [found["id"] for found in lines["findings"]] == [found["id"] for found in stand(client)]
        for query, code in (
            ({"format": "text", "template": "../soap"}, "unknown_template"),
            ({"format": "markdown", "template": "soap"}, "unknown_template"),
        ):
            async with server.http.get(path, params=query) as response:
                told = await response.json()
            assert (response.status, told["code"]) == (400, code)
            assert "patient, problems, referral, soap, ward" in told["message"]


async def test_a_template_that_fails_is_told_by_its_file_and_line_without_a_word_of_the_record(tmp_path, caplog):
    (tmp_path / "ward.txt").write_text("fine")
    notes = Notes()
    async with serving(templates=tmp_path, audit_trail=notes) as server, server.connect() as client:
        await talk(client)
        (tmp_path / "ward.txt").write_text("fine\n{{ findings[patient.name] }}")  # since the server has started
        path = f"{server.url}{record_path(client)}"
        async with server.http.get(path, params={"format": "text", "template": "ward"}) as response:
            told = await response.json()
        _, metrics = await server.get("/metrics")
    assert (response.status, told["code"]) == (500, "template_failed")
    assert told["message"].startswith("the template ward.txt, line 2 (UndefinedError) cannot be rendered")
    assert 'drtranscribe_records_refused_total{code="template_failed"} 1.0' in metrics
    assert ("record_read", "anonymous", "template_failed") in notes.lines
    assert PATIENT["name"] not in told["message"] + caplog.text


async def test_templates_are_told_to_those_alone_who_may_read(tmp_path):
    speaks, reads = key(tmp_path / "keys.json", "speaks", "speak"), key(tmp_path / "keys.json", "reads", "read")
    async with serving(keys_file=tmp_path / "keys.json") as server:
        answers = []
        for headers in ({}, speaks, reads):
            async with server.http.get(f"{server.url}/v1/templates", headers=headers) as response:
                answers.append(response.status)
    assert answers == [401, 403, 200]


def test_a_recording_leaves_a_note_in_the_form_that_was_asked_for(tmp_path):
    with server_in_a_thread() as url:
        command = ("transcribe", SENTENCE, "--server", url, "--speed", 0, "--record", tmp_path / "note.txt")
        assert run(*command, "--template", "patient")[::2] == (0, "")
        assert (tmp_path / "note.txt").read_text().startswith("Your visit on ")
        code, _, err = run(*command, "--template", "none-such")
        assert (code, "give template as one of: patient, problems, referral, soap" in err) == (1, True)


def test_a_recording_that_this_command_transcribes_itself_leaves_a_note_in_a_form_of_the_site(tmp_path):
    (tmp_path / "site").mkdir()
    form = "{{ heading('Ward round') }}\n{% for finding in findings %}\n* {{ finding }}, at {{ finding.evidence[0].clock }}\n{% endfor %}\n"
    (tmp_path / "site" / "ward.txt").write_text(form)
    command = ("transcribe", SENTENCE, "--speed", 0, "--model", "tiny.en", "--record", tmp_path / "x.txt")
    code, _, err = run(*command, "--templates", tmp_path / "site", "--template", "ward")
    assert code == 0, err
    title, *lines = (tmp_path / "x.txt").read_text().splitlines()
    assert title == "Ward round"
    assert any(re.fullmatch(r"\* .*back pain.*, at 00:0\d", line) for line in lines), lines


def test_a_form_that_nothing_is_written_in_is_told_before_any_audio_is_read(tmp_path):
    asked = ("transcribe", "no-such-file.wav", "--template")
    assert run(*asked, "soap", "--record", "a.md")[2] == (
        "--template: it is the form of a note: give --record FILE.txt too\n"
    )
    assert run(*asked, "x", "--record", "a.txt") == (
        2, "", "--template: there is no x; use one of patient, problems, referral, soap\n"
    )  # fmt: skip
    assert run(*asked, "soap", "--record", "a.txt", "--templates", tmp_path / "none") == (
        2, "", f"--templates: there is no folder {tmp_path / 'none'}\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            "notes.docx",
            "--record: notes.docx: the ending tells the format; use one of .json, .md, .fhir.json, .pdf, .txt, .lines.json\n",
        ),
        ("nowhere/at/all.pdf", "--record: there is no folder nowhere/at\n"),
    ],
)
def test_a_record_that_cannot_be_written_is_told_before_any_audio_is_read(record, told):
    assert run("transcribe", "no-such-file.wav", "--record", record) == (2, "", told)


def test_one_record_holds_one_consultation():
    code, _, err = run("transcribe", SENTENCE, SENTENCE, "--record", "a.pdf")
    assert (code, err) == (2, "--record: it holds one consultation; give one recording at a time\n")


def test_a_record_that_the_server_does_not_give_is_told_and_is_a_failure(tmp_path, monkeypatch):
    async def unknown(self, session_id, owns):
        return None

    monkeypatch.setattr("server.sessions.registry.Sessions.consulted", unknown)
    with server_in_a_thread() as url:
        code, _, err = run("transcribe", SENTENCE, "--server", url, "--speed", 0, "--record", tmp_path / "a.md")
    assert code == 1
    assert "no record as markdown: no such session" in err
    assert not (tmp_path / "a.md").exists()


def test_the_command_takes_its_key_from_a_file_or_from_the_environment(tmp_path, monkeypatch):
    text = text_of(key(tmp_path / "keys.json", "ward-3"))
    (tmp_path / "key").write_text(f"{text}\n")
    (tmp_path / "empty").touch()
    (tmp_path / "two").write_text(f"{text} {text}")
    monkeypatch.delenv("DRTRANSCRIBE_KEY", raising=False)
    with server_in_a_thread(keys_file=tmp_path / "keys.json") as url:
        command = ("transcribe", SENTENCE, "--server", url, "--speed", 0, "--record", tmp_path / "a.md")
        code, _, err = run(*command)
        assert (code, "show who you are" in err) == (1, True)
        assert run(*command, "--key-file", tmp_path / "key")[0] == 0
        assert "as ward-3 states" in (tmp_path / "a.md").read_text()
        for name in ("empty", "two"):
            code, _, err = run(*command, "--key-file", tmp_path / name)
            assert (code, err) == (2, f"--key-file: {tmp_path / name} must hold one key and nothing else\n")
        assert run(*command, "--key-file", tmp_path / "none")[0] == 2
        monkeypatch.setenv("DRTRANSCRIBE_KEY", text)
        assert run(*command)[0] == 0


def test_the_record_lies_beside_the_websocket_behind_any_proxy():
    urls = {
        "ws://h:1": "http://h:1/v1/sessions/S/record",
        "wss://h/ws": "https://h/v1/sessions/S/record",
        "wss://h/scribe/ws": "https://h/scribe/v1/sessions/S/record",
    }
    assert {url: str(_beside(url, "v1/sessions/S/record")) for url in urls} == urls
