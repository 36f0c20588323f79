"""The load benchmark: its statistics on timestamps made by hand, and one short run against a server without models."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.load.client import FULL, Run, TranscriptEvent
from benchmarks.load.report import markdown, plot
from benchmarks.load.statistics import (
    Window,
    coverage_lags,
    covered_ms,
    done_ms,
    finals_ms,
    holds,
    level,
    lost_chunks,
    middle,
    most_sessions,
    partials_ms,
    settled,
    window,
)
from inference.config import SegmenterConfig
from server.cli.main import app

ROOT = Path(__file__).parents[3]
SECOND = 16_000
CUT = SegmenterConfig(pause_s=0.7, short_pause_s=0.7, tail_s=0.25)
NO_TIMINGS = {"vad_ms": 1.0, "queue_ms": 2.0, "asr_ms": 3.0, "total_ms": 6.0}
START = 100.0
ALL = Window(START, START + 99)


def run_of(chunks: int = 4, chunk_s: float = 1.0, *, late_s: float = 0.0, **fields: Any) -> Run:
    """A session that began at START, its chunks handed over `late_s` after their time."""
    due = [START + (i + 1) * chunk_s for i in range(chunks)]
    run = Run(0, chunks * chunk_s, connect_s=0.01, began=START)
    run.due, run.sent, run.taken = due, [at + late_s for at in due], [at + late_s for at in due]
    run.ends = [round((i + 1) * chunk_s * SECOND) for i in range(chunks)]
    run.progress = [(at + 0.2, end, end / SECOND) for at, end in zip(run.sent, run.ends, strict=True)]
    run.stopped = (run.progress[-1][0] + 0.1, run.ends[-1])
    run.close_code = 1000
    for name, value in fields.items():
        setattr(run, name, value)
    return run


def heard(at: float, start_s: float, end_s: float, *, final: bool = True) -> TranscriptEvent:
    return TranscriptEvent(at, final, start_s, end_s, NO_TIMINGS)


def test_coverage_lag_is_the_audio_sent_and_not_yet_transcribed():
    lag, behind = coverage_lags(run_of(), Window(START, START + 4))
    assert len(lag) == 40  # every 100 ms of four seconds
    # Within each second after the first chunk: 1 s from its sending until it is transcribed 0.2 s later, then nothing.
    assert lag[:10].max() == 0
    assert lag[11] == pytest.approx(1.0)
    assert lag[13] == 0
    assert behind[9] == pytest.approx(0.9)
    assert behind[11] == pytest.approx(1.1)
    assert behind[13] == pytest.approx(0.3)


def test_coverage_lag_grows_while_nothing_is_transcribed_and_the_warm_up_counts_nowhere():
    stuck = run_of(progress=[(START + 1.2, SECOND, 1.0)])
    lag, behind = coverage_lags(stuck, Window(START + 2, START + 4))
    assert len(lag) == 20
    assert lag[-1] == pytest.approx(2.0)
    assert behind[-1] == pytest.approx(2.9)


def test_the_window_is_when_all_speak_and_warm_up_is_over():
    later = run_of(began=START + 0.5)
    assert window([run_of(), later, Run(0, 4.0)], 1.0) == Window(START + 1.5, START + 4)
    assert window([Run(0, 4.0)], 1.0) is None


def test_a_covered_count_never_falls():
    run = run_of(progress=[(START + 1.1, SECOND, 1.0), (START + 2.1, 2 * SECOND, 0.5)])
    assert coverage_lags(run, Window(START, START + 4))[1][-1] == pytest.approx(2.9)


def test_a_chunk_is_covered_when_the_transcript_reaches_its_end_and_done_at_its_own_progress():
    tail = run_of(
        progress=[(START + 1.2, SECOND, 1.0), (START + 2.2, 2 * SECOND, 1.4), (START + 3.3, 3 * SECOND, 3.0)],
        stopped=(START + 5.0, 4 * SECOND),
    )
    assert done_ms(tail, ALL) == pytest.approx([200, 200, 300])
    # The second chunk's open tail is covered with the third; the fourth by the end of the session alone.
    assert covered_ms(tail, ALL) == pytest.approx([200, 1300, 300, 1000])
    assert covered_ms(tail, Window(START + 2.5, START + 4)) == pytest.approx([300])


def test_more_progress_than_chunks_is_no_measure_of_a_chunk():
    run = run_of(1)
    run.progress *= 2
    with pytest.raises(ValueError, match="one a chunk"):
        done_ms(run, ALL)


def test_a_final_counts_from_the_chunk_that_holds_the_end_of_its_pause():
    finals = [
        heard(START + 3.5, 0.2, 1.75),  # speech ends at 1.5, known at 2.2, sent with the third chunk at 3.0
        heard(START + 3.6, 2.0, 2.5),  # cut in the middle of speech: the next one begins where it ends
        heard(START + 3.7, 2.5, 3.9),  # the end of the session decided it
    ]
    from_chunk, from_pause = finals_ms(run_of(heard=finals), ALL, CUT)
    assert from_chunk == pytest.approx([500])
    assert from_pause == pytest.approx([1300])
    assert finals_ms(run_of(heard=finals), Window(START + 3.5, START + 9), CUT) == ([], [])
    patient = SegmenterConfig(pause_s=0.7, short_pause_s=1.2, short_s=2.0, long_s=6.0, tail_s=0.25)
    _, from_pause = finals_ms(run_of(heard=finals), ALL, patient)
    assert from_pause == pytest.approx([800]), "it waited for longer, since little was said"


def test_a_partial_counts_from_the_chunk_that_holds_its_last_word():
    shown = [heard(START + 2.4, 0.2, 1.8, final=False), heard(START + 3.1, 0.2, 3.0, final=False)]
    assert partials_ms(run_of(heard=shown), ALL) == pytest.approx([400, 100])


def test_late_held_back_and_lost_chunks_are_counted():
    late = run_of(late_s=0.15)
    late.taken = [at + 0.5 for at in late.sent]
    lost = run_of(progress=[(START + 1.2, SECOND, 1.0)], stopped=None, failure="ServerDisconnectedError")
    found = level([late, lost], ALL, CUT)
    assert (found["late_sends"], found["held_sends"], found["chunks"]) == (4, 4, 8)
    assert found["late_ms"]["max"] == pytest.approx(150)
    assert (found["lost_chunks"], found["failed"]) == (3, 1)
    assert found["failures"] == {"ServerDisconnectedError": 1}
    assert lost_chunks(run_of()) == 0


def test_a_refused_session_counts_and_has_no_times():
    refused = Run(0, 4.0, errors=["full"], close_code=FULL)
    found = level([refused], ALL, CUT)
    assert (found["refused"], found["failed"], found["errors"]) == (1, 0, {"full": 1})
    assert found["coverage_lag_s"]["n"] == 0


def test_medians_go_number_by_number():
    runs = [
        {"lag": {"p95": p95}, "name": "x", "wer": None, "errors": errors}
        for p95, errors in ((3, {}), (9, {"a": 2}), (4, {}))
    ]
    assert middle(runs) == {"lag": {"p95": 4}, "name": "x", "wer": None, "errors": {"a": 2}}


def a_run(p95: float | None, **counts: int) -> dict[str, Any]:
    return {
        "coverage_lag_s": {"p95": p95},
        "final_ms": {"p95": p95},
        "refused": 0,
        "failed": 0,
        "lost_chunks": 0,
        **counts,
    }


def test_a_number_holds_by_its_median_and_only_if_no_run_lost_anybody():
    assert holds([a_run(4.0), a_run(9.0), a_run(4.4)], "coverage_lag_s", 4.5)
    assert not holds([a_run(4.0), a_run(4.6), a_run(4.7)], "coverage_lag_s", 4.5)
    assert not holds([a_run(1.0), a_run(1.0, refused=1)], "coverage_lag_s", 4.5)
    assert not holds([a_run(1.0, lost_chunks=1)], "coverage_lag_s", 4.5)
    assert not holds([a_run(None)], "coverage_lag_s", 4.5)
    assert holds([a_run(4400.0)], "final_ms", 4.5)


def test_the_most_sessions_hold_with_all_smaller_numbers_and_two_failures_settle_it():
    assert most_sessions({4: True, 8: True, 12: False, 16: True}) == 8
    assert most_sessions({4: False}) is None
    assert not settled([False])
    assert not settled([True, False, True, False])
    assert settled([True, False, False])


def test_a_run_against_a_server_without_models_loses_nothing_and_says_all(tmp_path: Path):
    output = tmp_path / "load.json"
    flags = f"--fakes --sweep 2,5 --seconds 4 --warmup-s 0 --chunk-s 1 --output {output} --timestamps {tmp_path}/times"
    command = [sys.executable, "-m", "benchmarks.load", *flags.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == json.loads(output.read_text())
    assert [level["sessions"] for level in result["levels"]] == [2, 5]
    for found in result["levels"]:
        assert found["chunks"] == 4 * found["sessions"]
        assert (found["lost_chunks"], found["refused"], found["failed"], found["errors"]) == (0, 0, 0, {})
        assert found["processes"] == 2
        for name in ("coverage_lag_s", "behind_s", "chunk_done_ms", "chunk_covered_ms", "chunk_partial_ms", "live_ms"):
            assert found[name]["n"] > 0, name
        assert found["stages_partial"]["asr_ms"]["n"] > 0
        assert found["server_cpu_s_per_audio_s"] > 0
        assert found["memory_mb"]["peak"] >= found["memory_mb"]["before"] > 0
    assert (tmp_path / "load.md").read_text() == markdown(result)
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    sessions = [json.loads(line) for line in (tmp_path / "times").read_text().splitlines()]
    assert [len(session["sent"]) for session in sessions] == [4] * 7


def test_a_table_leaves_out_what_nobody_knows(tmp_path: Path):
    levels = [{"sessions": 4, "holds": True, "wer": None, "final_ms": {"p95": 612.3}, "failed": 0}]
    settings = {
        "chunk_s": 3.0,
        "arrivals": "spread",
        "whole": True,
        "warmup_s": 15.0,
        "repeat": 1,
        "metric": "final_ms",
    }
    machine = {"cpu": "a", "cores": 2, "memory_gb": 4, "gpu": None, "load_before": 0.1}
    result = {"model": "base", "machine": machine, "bound_s": 1.0, "most_sessions": 4, "levels": levels, **settings}
    assert markdown(result).splitlines()[-3:] == [
        "| sessions | holds | final p95, ms | failed |",
        "|---|---|---|---|",
        "| 4 | yes | 612 | 0 |",
    ]
    plot(result, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def test_the_command_says_what_to_install_where_benchmarks_are_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "benchmarks.load.command", None)
    found = CliRunner().invoke(app, ["bench", "--fakes"])
    assert found.exit_code == 1
    assert "pip install 'drtranscribe[bench]'" in found.stderr


def test_the_command_hands_its_flags_over(monkeypatch: pytest.MonkeyPatch):
    called: list[list[str]] = []
    monkeypatch.setattr("benchmarks.load.command.main", called.append)
    flags = ["--url", "ws://h:1/ws", "--sessions", "2,3", "--seconds", "20", "--output", "x.json", "--aligned"]
    flags += ["--key-file", "key"]
    assert CliRunner().invoke(app, ["bench", *flags]).exit_code == 0
    from benchmarks.load.command import parse

    args = parse(called[0])
    assert (args.url, args.sweep, args.seconds, args.arrivals) == ("ws://h:1/ws", [2, 3], 20.0, "aligned")
    assert (args.output, args.key_file) == (Path("x.json"), Path("key"))
    assert CliRunner().invoke(app, ["bench", "--fakes", "--model", "base"]).exit_code == 2
