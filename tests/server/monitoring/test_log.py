import io
import json
import logging
import subprocess
import sys

import pytest

from server.monitoring import log


def test_our_own_modules_log_at_the_level_that_was_asked_for_and_libraries_warnings_only(monkeypatch):
    monkeypatch.setattr(logging, "basicConfig", lambda level, handlers: logging.getLogger("library").setLevel(level))
    loggers = {name: logging.getLogger(name) for name in (*log.OWN, "library")}
    before = {name: logger.level for name, logger in loggers.items()}
    try:
        monkeypatch.setattr(log, "keep_words_out", lambda: None)
        log.configure("debug")
        assert loggers["server"].isEnabledFor(logging.DEBUG)
        assert loggers["inference"].isEnabledFor(logging.DEBUG)
        assert not loggers["library"].isEnabledFor(logging.INFO)
    finally:
        for name, level in before.items():
            loggers[name].setLevel(level)


UNCAUGHT = {
    "in the main thread": "fail()",
    "in a thread": "threading.Thread(target=fail).start()",
    "in a finalizer": "Failing()",
    "in a record": "logging.getLogger('server').warning('%d', 'Zebulon')",
    "in a callback of the event loop": "asyncio.run(called())",
}


@pytest.mark.parametrize("statement", UNCAUGHT.values(), ids=UNCAUGHT)
def test_an_error_that_nobody_catches_is_told_without_its_message(statement):
    code = f"""
import asyncio, logging, threading
from server.monitoring import log

def fail():
    raise ValueError("Zebulon")

class Failing:
    def __del__(self):
        fail()

async def called():
    from server.monitoring.metrics import Metrics
    from server.monitoring.request_log import guarded
    with guarded(Metrics()):
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0)

log.configure("debug")
{statement}
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Zebulon" not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    if "record" not in statement and "'%d'" not in statement:
        assert "ValueError < " in ended.stderr or "ValueError in " in ended.stderr


def written(form: log.Format, *records: tuple) -> str:
    """What the log holds of (logger, level, message, arguments) with that format."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.formatter(form))
    handler.addFilter(log.LibraryFilter())
    for name, level, message, *arguments in records:
        record = logging.LogRecord(name, level, "file.py", 1, message, tuple(arguments), None)
        if handler.filter(record):
            handler.emit(record)
    return stream.getvalue()


def test_a_line_is_a_json_object_where_that_is_asked_for():
    line = written("json", ("server.runtime", logging.WARNING, "%d sessions", 3))
    told = json.loads(line)
    assert told.pop("timestamp").endswith("Z")
    assert told == {"event": "3 sessions", "level": "warning", "logger": "server.runtime"}


def test_a_line_for_people_has_the_level_the_logger_and_the_message_and_no_colours_in_a_file():
    line = written("console", ("inference.pipeline", logging.INFO, "%s is ready", "base"))
    assert "base is ready" in line
    assert "info" in line
    assert "inference.pipeline" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_that_a_library_logs_is_told_by_its_place_and_without_its_message(form):
    try:
        raise ValueError("Zebulon")
    except ValueError:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(log.formatter(form))
        handler.emit(logging.LogRecord("lib", logging.ERROR, "f", 1, "it failed", (), sys.exc_info(), sinfo="Zebulon"))
    line = stream.getvalue()
    assert "it failed" in line
    assert "ValueError < test_log.py" in line
    assert "Zebulon" not in line


def test_what_a_library_through_which_words_pass_warns_of_is_told_without_its_arguments():
    line = written("json", ("asyncio", logging.WARNING, "Executing %s took %.3f seconds", "<Handle 'Zebulon'>", 0.1))
    assert json.loads(line)["event"] == "Executing %s took %.3f seconds"
    assert "Zebulon" in written("json", ("other", logging.WARNING, "%s", "Zebulon")), "the others keep theirs"


def test_what_a_library_logs_below_warning_stays_out_whatever_level_it_gave_itself():
    records = [(name, logging.INFO, "Zebulon") for name in ("openai._base_client", "httpx", "aiohttp.access", "redis")]
    assert written("json", *records) == ""
    assert written("json", ("server.app", logging.DEBUG, "ours")) != ""
