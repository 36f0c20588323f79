import logging

from server import log


def test_our_own_modules_log_at_the_level_that_was_asked_for_and_libraries_warnings_only(monkeypatch):
    monkeypatch.setattr(logging, "basicConfig", lambda level, format: logging.getLogger("library").setLevel(level))
    loggers = {name: logging.getLogger(name) for name in (*log.OWN, "library")}
    before = {name: logger.level for name, logger in loggers.items()}
    try:
        log.configure("debug")
        assert loggers["server"].isEnabledFor(logging.DEBUG)
        assert loggers["inference"].isEnabledFor(logging.DEBUG)
        assert not loggers["library"].isEnabledFor(logging.INFO)
    finally:
        for name, level in before.items():
            loggers[name].setLevel(level)
