"""The process that renders records: what it gives, and what becomes of it when a record or the process itself fails."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from inference.extraction import Patient
from server.record import renderer
from server.record.formats import NAMES, installed
from server.record.record import Declared
from server.record.renderer import FAILED, RENDERED, answer, job
from server.record.rendering import Bounds, RecordsBusy, Rendering, RenderingFailed
from tests.support.live import until

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
STARTED = b'{"type":"session_started","seq":1,"models":{"asr":"base"}}'
MARK = "Zebulonquine"


def told(name: str = "json", events: tuple[bytes, ...] = (STARTED,)) -> bytes:
    declared = Declared("ambient", "en", Patient(name=MARK, age=61), NOW)
    return job(events, name, "session", declared, NOW, ("drtranscribe", "1"))


def written(pid: int) -> bytes:
    """What a process has written into its memory."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        ranges = [line.split()[0].split("-") for line in maps if line.split()[1].startswith("rw")]
        parts = []
        for first, last in ranges:
            memory.seek(int(first, 16))
            parts.append(memory.read(int(last, 16) - int(first, 16)))
    return b"".join(parts)


@asynccontextmanager
async def rendering(**bounds: float) -> AsyncIterator[Rendering]:
    made = Rendering(Bounds(**bounds))
    try:
        yield made
    finally:
        await made.close()


async def test_every_format_comes_from_the_process_as_it_is_made_without_one():
    async with rendering() as made:
        await made.start(installed())
        for name in NAMES:
            body = await made.render(told(name))
            assert body[:20] == answer(told(name))[1:21]
            if name != "pdf":  # its fonts and texts are compressed
                assert MARK.encode() in body


async def test_a_killed_process_is_replaced_for_the_next_record():
    async with rendering() as made:
        first = await made.render(told())
        pid = made._process.pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: made._process.poll() is not None)
        assert await made.render(told()) == first
        assert made._process.pid != pid


async def test_a_process_that_is_killed_at_a_record_costs_that_record_alone():
    async with rendering() as made:
        await made.render(told())
        os.kill(made._process.pid, signal.SIGSTOP)
        waiting = asyncio.create_task(made.render(told()))
        await asyncio.sleep(0)  # the task has begun: what it hands over is not read
        os.kill(made._process.pid, signal.SIGKILL)
        results = await asyncio.gather(waiting, return_exceptions=True)
        assert isinstance(results[0], bytes | RenderingFailed)
        assert (await made.render(told())).startswith(b"{")


async def test_an_error_is_told_by_its_place_without_a_word_of_the_record():
    hostile = b'{"type":"transcript","seq":2,"segment":{"final":true,"text":"' + MARK.encode() + b'"}}'
    assert answer(told(events=(hostile,)))[:1] == FAILED
    async with rendering() as made:
        for events in ((hostile,), (b"no JSON " + MARK.encode(),), (b"\xff",)):
            with pytest.raises(RenderingFailed, match=r"Error.*< \w+") as failed:
                await made.render(told(events=events))
            assert MARK not in str(failed.value)
        assert await made.render(told())


async def test_a_record_that_needs_more_memory_than_it_may_have_fails_alone():
    async with rendering(memory_bytes=1 << 20) as made:
        with pytest.raises(RenderingFailed, match="too much memory"):
            await made.render(told(events=(STARTED, b" " * (8 << 20))))
        assert made._process.poll() is None


async def test_a_record_that_is_late_fails_and_its_process_is_ended():
    async with rendering(time_s=0.001) as made:
        with pytest.raises(RenderingFailed, match="not done within"):
            await made.render(told())
        made._bounds = Bounds()
        assert await made.render(told())


async def test_more_records_than_may_wait_are_refused_at_once():
    async with rendering(waiting=1) as made:
        results = await asyncio.gather(*(made.render(told()) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [bytes, bytes, RecordsBusy]


async def test_closing_ends_the_process_by_itself_and_its_folder_goes(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with rendering() as made:
        await made.render(told())
        process = made._process
        assert list(tmp_path.iterdir())
        await made.close()
        assert process.returncode == 0
        assert not list(tmp_path.iterdir())


async def test_the_process_outlives_the_signals_that_the_server_ends_by_and_not_the_server():
    async with rendering() as made:
        await made.render(told())
        process = made._process
        os.kill(process.pid, signal.SIGTERM)
        assert await made.render(told())
        assert made._process is process
        made._line.close()  # as when the server is killed
        await until(lambda: process.poll() is not None)


async def test_no_word_of_a_record_stays_in_the_process():
    async with rendering() as made:
        await made.render(told())
        assert MARK.encode() not in written(made._process.pid)


def test_where_nothing_can_be_written_the_process_does_without_a_folder(monkeypatch):
    def refused(**_):
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refused)
    with renderer._folder() as folder:
        assert folder is None


def test_a_job_without_a_patient_is_answered():
    declared = Declared("ambient", None, None, NOW)
    assert answer(job((STARTED,), "markdown", "session", declared, NOW, ("a", "1")))[:1] == RENDERED
