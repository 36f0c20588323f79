import asyncio
import logging
from urllib.parse import urlsplit

from aiohttp.http import HttpProcessingError

from server.app import METRICS
from server.monitoring.request_log import EVERY_S, OUT_OF_DESCRIPTORS, CountedLog
from tests.support.access import Notes
from tests.support.live import serving

MARK = "Zebulon-the-marked-word"


async def sent(url: str, data: bytes) -> bytes:
    """What a raw connection is answered."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


def requests() -> list[bytes]:
    mark = MARK.encode()
    return [
        mark + b"\r\n\r\n",
        b"GET /v1/sessions/" + mark + b"/record HTTP/9.9\r\n\r\n",
        b"GET /" + mark + b" HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /\x00" + mark + b" HTTP/1.1\r\n\r\n",
        b"GET /" + mark * 500 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]


async def test_no_log_at_any_level_holds_a_word_of_a_request_and_malformed_ones_are_counted(caplog):
    caplog.set_level(logging.DEBUG)
    async with serving() as server:
        for request in requests():
            assert b" 400 " in await sent(server.url, request)
        count = server.app[METRICS].refused.labels("malformed_request")._value.get()
    text = "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
    assert MARK not in text
    assert "Traceback" not in text
    assert count == len(requests())
    assert sum("not HTTP" in record.getMessage() for record in caplog.records) == 1


async def test_what_is_no_http_is_counted_and_noted_at_the_usual_level_of_the_log_too():
    notes = Notes()
    async with serving(audit_trail=notes) as server:
        for request in requests():
            await sent(server.url, request)
        assert server.app[METRICS].refused.labels("malformed_request")._value.get() == len(requests())
    assert notes.lines == [("refused", "anonymous", "malformed_request")] * len(requests())


async def test_a_fault_of_a_handler_is_told_by_its_place_and_without_its_words(caplog, monkeypatch):
    def failing(self):
        raise ValueError(MARK)

    caplog.set_level(logging.DEBUG)
    async with serving() as server:
        monkeypatch.setattr("server.monitoring.metrics.Metrics.text", failing)
        assert (await server.get("/metrics"))[0] == 500
    (line,) = [record.getMessage() for record in caplog.records if "a request failed" in record.getMessage()]
    assert "ValueError in " in line
    assert "failing" in line
    assert MARK not in caplog.text


async def test_connections_that_cannot_be_accepted_are_counted_and_logged_once(caplog):
    async with serving() as server:
        loop = asyncio.get_running_loop()
        for _ in range(100):
            loop.call_exception_handler({"message": OUT_OF_DESCRIPTORS, "exception": OSError(24, MARK)})
        assert server.app[METRICS].accept_failures._value.get() == 100
    assert len([record for record in caplog.records if "cannot be accepted" in record.getMessage()]) == 1
    assert MARK not in caplog.text


def test_a_kind_of_event_is_one_line_a_minute_with_its_count(caplog):
    now = 0.0
    counted = CountedLog(clock=lambda: now)
    for now in (0.0, 1.0, 2.0, EVERY_S - 1, EVERY_S + 1):  # noqa: B007
        counted.note(logging.WARNING, "it happened")
    assert [record.getMessage() for record in caplog.records] == [
        "it happened (1 since the last such line)",
        "it happened (4 since the last such line)",
    ]


def test_aiohttp_still_tells_malformed_requests_by_the_type_that_is_looked_for():
    from aiohttp.http_exceptions import BadHttpMessage

    assert issubclass(BadHttpMessage, HttpProcessingError)
