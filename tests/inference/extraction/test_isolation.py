"""An error anywhere in extraction costs findings at most: every function of it is made to fail in a live consultation."""

import ast
import asyncio
import logging
import subprocess
import sys
import threading
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import inference.extraction
from inference.asr.hypothesis import Hypothesis
from inference.extraction.isolation import Isolation, place_of
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from inference.stream import Control, StreamOptions
from inference.timing import Timings
from inference.updates import Drained, ExtractionUpdate, Fault, MarkerReached, TranscriptUpdate
from tests.support.fakes import ONE_PAUSE, LevelAsr, LoudnessVad, speech

EXTRACTION = Path(inference.extraction.__file__).parent
LINES = {
    30: "I have had a bad headache since Monday and I took two tablets.",
    40: "Any fever? No.",
    50: "I take ramipril 5 mg every morning for my blood pressure.",
    60: "I am allergic to penicillin. It gave me a rash.",
    70: "We will do a blood test and I will see you in two weeks. My mother had diabetes.",
    80: "I also have a cough.",
}


class LineAsr(LevelAsr):
    def transcribe(self, requests, mels=None):
        levels = [round(100 * float(abs(request.audio).max())) for request in requests]
        return [Hypothesis(LINES.get(level, ""), "en") for level in levels]


async def consult(trace=None):
    """The updates of a consultation of six finals: after the fourth a marker, then two more, and the stop.

    Every call after the session was opened, in whatever thread, is shown to `trace`.
    """
    pipeline = Pipeline(LoudnessVad(), LineAsr(), [RulesExtractor()], ONE_PAUSE)
    updates = []
    stream = pipeline.open("s", StreamOptions(), updates.append)
    threading.settrace(trace)
    sys.settrace(trace)
    running = asyncio.create_task(stream.run())
    for number, level in enumerate(LINES, 1):
        await stream.feed(speech((1.2, level / 100), (1.2, 0)), Timings())
        if number == 4:
            await stream.control(Control("marker", 1))
    await stream.control(Control("stop"))
    async with asyncio.timeout(60):
        await running
    await pipeline.close()
    return updates


@cache
def is_ours(code):
    path = Path(code.co_filename)
    return EXTRACTION in path.parents and path.name != "isolation.py"  # the handler itself is what is tested


def traced(trace):
    try:
        return asyncio.run(consult(trace))
    finally:
        sys.settrace(None)
        threading.settrace(None)


def found(updates):
    return {op.finding.text for u in updates if isinstance(u, ExtractionUpdate) for op in u.operations}


# A generator that is dropped is closed with a call, which nobody can catch an error of.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_whatever_fails_in_extraction_every_final_arrives_and_the_session_stops_and_the_client_is_told_once(caplog):
    caplog.set_level(logging.ERROR)
    asyncio.run(RulesExtractor().start())
    calls = Counter()

    def count(frame, event, argument):
        if is_ours(frame.f_code):
            calls[frame.f_code] += 1

    whole = found(traced(count))
    assert len(whole) > 6
    assert len(calls) > 250
    late = 0
    outer = ("live.py", "reader.py", "merging.py", "grounding.py", "codes.py", "support.py")
    chosen = [
        code for at, code in enumerate(calls) if code.co_filename.endswith(outer) or at % 9 == 0
    ]  # of the rules a ninth
    for code, times in ((code, calls[code]) for code in chosen):
        left = [(times + 2) // 3]  # not the last half, in which the facts are listed anew

        def fail(frame, event, argument, code=code, left=left):
            if frame.f_code is code:
                left[0] -= 1
                if left[0] == 0:
                    raise RuntimeError("penicillin")

        updates = traced(fail)
        where = f"{code.co_filename}:{code.co_name}"
        finals = [u.segment.text for u in updates if isinstance(u, TranscriptUpdate) and u.segment.final]
        assert finals == list(LINES.values()), where
        assert MarkerReached(1) in updates, where
        assert isinstance(updates[-1], Drained), where
        told = [u.code for u in updates if isinstance(u, Fault)]
        assert told in ([], ["extraction_failed"]), where
        assert told or left[0] > 0 or found(updates) == whole, where
        late += "cough" in found(updates)
    assert late > 0.9 * len(chosen), "later findings go on"
    assert "penicillin" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_what_is_logged_of_an_error_is_its_type_and_its_place():
    def outer():
        try:
            raise KeyError("penicillin")
        except KeyError as error:
            raise ExceptionGroup("rash", [error]) from error

    with pytest.raises(ExceptionGroup) as caught:
        outer()
    place = place_of(caught.value)
    assert place.startswith("KeyError < test_isolation.py:")
    assert "penicillin" not in place


async def test_work_that_fails_begins_again_until_it_ends():
    told, runs = [], []

    async def work():
        runs.append(1)
        if len(runs) < 3:
            raise ValueError("a word")

    await Isolation(told.append).supervise(work)
    assert len(runs) == 3
    assert [fault.code for fault in told] == ["extraction_failed"]


def test_every_table_of_the_vocabulary_is_one_that_is_loaded_at_start():
    for path in EXTRACTION.rglob("*.py"):
        if path.name == "tables.py":
            continue
        names = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "functools"
            for alias in node.names
        }
        assert "cache" not in names, f"{path.name}: use @table of tables.py"


WITHOUT_DESCRIPTORS = """
import asyncio, os, resource
import tests.inference.extraction.test_isolation as t

async def main():
    rules = t.RulesExtractor()
    await rules.start()  # the pipeline would not wait for it on a machine that is busy
    await t.Pipeline(t.LoudnessVad(), t.LevelAsr(), [rules]).start()
    t.RulesExtractor.start = None
    taken = max(map(int, os.listdir("/proc/self/fd"))) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    updates = await t.consult()
    print(sorted(t.found(updates)), [u.code for u in updates if isinstance(u, t.Fault)])

asyncio.run(main())
"""


def test_findings_and_their_codes_come_when_the_process_has_no_file_descriptor_left():
    out = subprocess.run([sys.executable, "-c", WITHOUT_DESCRIPTORS], capture_output=True, text=True, check=True)
    assert "'penicillin'" in out.stdout
    assert "'headache'" in out.stdout
    assert out.stdout.strip().endswith("[]")
