"""`drtranscribe transcribe`: recordings played to a server as if they were spoken."""

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from server.cli.command import KEY_VARIABLE, Config, fail, key_of, load_settings, settings_options, told_clearly, warmed
from server.cli.terminal import view_for
from server.settings import Settings

if TYPE_CHECKING:
    from drtranscribe import RecordFormat
    from server.cli.audiofile import Playback

Mode = Literal["ambient", "dual"]

WITHOUT_KEYS = {"keys_file": None, "user_header": None, "tls_cert": None, "tls_key": None, "secret_file": None}
"""A server of this command's own listens on loopback for its own client, whatever the environment says of keys."""


@settings_options(
    "language", "model", "models_dir", "device", "compute_type", "vllm_url", "vllm_model", "vllm_api_key", "templates"
)
def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Audio of any common format; one consultation each.")],
    *,
    mode: Annotated[Mode, typer.Option(help="dual: left is the clinician, right the patient.")] = "ambient",
    server: Annotated[str | None, typer.Option(help="A running server, ws://HOST:PORT; else one is started.")] = None,
    key_file: Annotated[
        Path | None, typer.Option(help=f"File that holds the key for --server; else the variable {KEY_VARIABLE}.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0, help="1 is as people speak; 0 as fast as the server takes it.")] = 1,
    chunk_s: Annotated[float, typer.Option(min=0.02, max=10, help="Seconds of audio a message.")] = 3,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write events, segments, findings, timings.")] = None,
    record: Annotated[
        list[Path] | None,
        typer.Option(help="Write the record: FILE.json, .md, .fhir.json, .pdf or .txt; may be given several times."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(help="Form of the note in FILE.txt: soap, problems, referral, patient, or one of --templates."),
    ] = None,
    config: Config = None,
    **flags: str | None,
) -> None:
    """Transcribe recordings over a real connection, and show transcript and findings while they come."""
    from inference.audio.decoding import AudioError
    from server.cli.audiofile import Playback, read_chunks

    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None and name != "language"]
    if server and given:
        fail(f"{', '.join(given)}: the server at --server has its own; leave it out", 2)
    if json_out and not json_out.parent.is_dir():
        fail(f"--json: there is no folder {json_out.parent}", 2)
    records = _record_formats(record or [], files, server)
    settings = load_settings(flags if server else {**flags, "host": "127.0.0.1", "port": 0}, config)
    key = key_of(key_file) if server else None
    logging.basicConfig(level="WARNING")
    if template is not None:
        _check_template(template, records, server, settings)
    playback = Playback(mode, speed, chunk_s, flags["language"], key)
    with told_clearly(AudioError):
        for path in files:  # a wrong file is told before the models are loaded
            read_chunks(path, playback.channels, chunk_s)
        if not asyncio.run(_transcribe(files, playback, server, settings, json_out, records, template)):
            raise typer.Exit(1)


def _record_formats(paths: list[Path], files: list[Path], server: str | None) -> "dict[Path, RecordFormat]":
    """The format of each record that is asked for; ends the command where one cannot be made or written."""
    from server.record.formats import FORMATS, NotInstalled, check_installed, format_of

    if paths and len(files) > 1:
        fail("--record: it holds one consultation; give one recording at a time", 2)
    formats: dict[Path, RecordFormat] = {}
    for path in paths:
        name = format_of(path.name)
        if name is None:
            endings = ", ".join(form.suffix for form in FORMATS.values())
            fail(f"--record: {path}: the ending tells the format; use one of {endings}", 2)
        if not path.parent.is_dir():
            fail(f"--record: there is no folder {path.parent}", 2)
        if server is None:
            try:
                check_installed(name)
            except NotInstalled as missing:
                fail(f"--record: {missing}")
        formats[path] = name
    return formats


def _check_template(template: str, records: "dict[Path, RecordFormat]", server: str | None, settings: Settings) -> None:
    """Ends the command where no note is asked for, or a server of this command's own has no such template."""
    from server.record.templates.catalogue import TemplatesError, catalogue

    if not {"text", "lines"} & {*records.values()}:
        fail("--template: it is the form of a note: give --record FILE.txt too", 2)
    try:
        known = catalogue(settings.templates)
    except TemplatesError as error:
        fail(str(error), 2)
    if server is None and template not in known:
        fail(f"--template: there is no {template}; use one of {', '.join(known)}", 2)


async def _transcribe(
    files: list[Path],
    playback: "Playback",
    server: str | None,
    settings: Settings,
    json_out: Path | None,
    records: "dict[Path, RecordFormat]",
    template: str | None,
) -> bool:
    """Whether every file was transcribed to its end."""
    if server:
        return await _play_all(files, playback, server, json_out, records, template)
    from server.runtime import running

    typer.echo("loading the models ...", err=True)
    async with running(settings.model_copy(update=WITHOUT_KEYS)) as own:
        await warmed(own.warm)
        return await _play_all(files, playback, own.address, json_out, records, template)


async def _play_all(
    files: list[Path],
    playback: "Playback",
    url: str,
    json_out: Path | None,
    formats: "dict[Path, RecordFormat]",
    template: str | None,
) -> bool:
    from drtranscribe import ConsultationError
    from inference.audio.decoding import AudioError

    console = Console()
    records, failed = [], 0
    for path in files:
        if len(files) > 1:
            console.rule(str(path), align="left")
        try:
            record = await playback.run(path, url, view_for(console))
        except (AudioError, ConsultationError) as error:
            fault: str | None = str(error)
        else:
            records.append(record)
            session_id = record["events"][0]["session_id"]
            fault = record["error"] or await _save_records(formats, template, url, session_id, playback.api_key)
        if fault:
            typer.echo(f"{path}: {fault}", err=True)
            failed += 1
        if json_out:
            text = json.dumps({"consultations": records}, indent=1, ensure_ascii=False)
            await asyncio.to_thread(json_out.write_text, text + "\n")
    return not failed


async def _save_records(
    formats: "dict[Path, RecordFormat]", template: str | None, url: str, session_id: str, api_key: str | None
) -> str | None:
    """Writes the session's record to each path in its format; gives what went wrong in one line, or None."""
    from drtranscribe import ConsultationError, fetch_record

    try:
        for path, name in formats.items():
            form = template if name in ("text", "lines") else None
            body = await fetch_record(url, session_id, name, template=form, api_key=api_key)
            await asyncio.to_thread(path.write_bytes, body)
    except ConsultationError as error:
        return str(error)
    except OSError as failed:
        return f"no record: {failed.filename} cannot be written ({failed.strerror})"
    return None
