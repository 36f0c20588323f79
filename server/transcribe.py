"""`drtranscribe transcribe`: recordings played to a server as if they were spoken."""

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from server.command import Config, fail, load_settings, settings_options, told_clearly, warmed
from server.settings import Settings
from server.terminal import view_for

if TYPE_CHECKING:
    from server.audiofile import Playback

Mode = Literal["ambient", "dual"]


@settings_options("language", "model", "models_dir", "device", "compute_type", "vllm_url", "vllm_model", "vllm_api_key")
def transcribe(
    files: Annotated[list[Path], typer.Argument(help="Audio of any common format; one consultation each.")],
    *,
    mode: Annotated[Mode, typer.Option(help="dual: left is the clinician, right the patient.")] = "ambient",
    server: Annotated[str | None, typer.Option(help="A running server, ws://HOST:PORT; else one is started.")] = None,
    api_key: Annotated[str | None, typer.Option(envvar="DRTRANSCRIBE_API_KEY", help="Key for --server.")] = None,
    speed: Annotated[float, typer.Option(min=0, help="1 is as people speak; 0 as fast as the server takes it.")] = 1,
    chunk_s: Annotated[float, typer.Option(min=0.02, max=10, help="Seconds of audio a message.")] = 3,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write events, segments, findings, timings.")] = None,
    config: Config = None,
    **flags: str | None,
) -> None:
    """Transcribe recordings over a real connection, and show transcript and findings while they come."""
    from inference.audio import AudioError
    from server.audiofile import Playback, read_chunks

    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None and name != "language"]
    if server and given:
        fail(f"{', '.join(given)}: the server at --server has its own; leave it out", 2)
    if json_out and not json_out.parent.is_dir():
        fail(f"--json: there is no folder {json_out.parent}", 2)
    settings = load_settings(flags if server else {**flags, "host": "127.0.0.1", "port": 0}, config)
    logging.basicConfig(level="WARNING")
    playback = Playback(mode, speed, chunk_s, flags["language"], api_key)
    with told_clearly(AudioError):
        for path in files:  # a wrong file is told before the models are loaded
            read_chunks(path, playback.channels, chunk_s)
        if not asyncio.run(_transcribe(files, playback, server, settings, json_out)):
            raise typer.Exit(1)


async def _transcribe(
    files: list[Path], playback: "Playback", server: str | None, settings: Settings, json_out: Path | None
) -> bool:
    """Whether every file was transcribed to its end."""
    if server:
        return await _play_all(files, playback, server, json_out)
    from server.engines import running

    typer.echo("loading the models ...", err=True)
    async with running(settings) as own:
        await warmed(own.warm)
        return await _play_all(files, playback, own.address, json_out)


async def _play_all(files: list[Path], playback: "Playback", url: str, json_out: Path | None) -> bool:
    from inference.audio import AudioError
    from server.client import ConsultationError

    console = Console()
    records, failed = [], 0
    for path in files:
        if len(files) > 1:
            console.rule(str(path), align="left")
        try:
            record = await playback.run(path, url, view_for(console))
        except (AudioError, ConsultationError) as error:
            fault = str(error)
        else:
            records.append(record)
            fault = record["error"]
        if fault:
            typer.echo(f"{path}: {fault}", err=True)
            failed += 1
        if json_out:
            text = json.dumps({"consultations": records}, indent=1, ensure_ascii=False)
            await asyncio.to_thread(json_out.write_text, text + "\n")
    return not failed
