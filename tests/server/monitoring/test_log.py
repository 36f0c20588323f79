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
