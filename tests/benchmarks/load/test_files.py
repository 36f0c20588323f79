"""Pairs of runs without and with a recording: medians over all of them, and only of the same settings."""

import json

import pytest

from benchmarks.load import files


def run(p95: float) -> dict:
    return {metric: {"p50": 0.0, "p95": p95} for metric in files.METRICS}


def test_the_medians_of_each_side_say_by_which_share_a_recording_moves_it():
    result = {"alone": [run(1.0), run(9.0), run(1.2)], "beside": [run(1.3), run(1.5), run(0.1)]}
    assert files.moved(result)["final_ms"] == {"alone": 1.2, "beside": 1.3, "moved": 0.083}


def test_one_side_alone_is_told_without_a_share():
    assert files.moved({"beside": [run(1.3)]})["final_ms"] == {"beside": 1.3}


def test_more_runs_join_those_of_the_same_settings_and_no_others(tmp_path):
    output = tmp_path / "lag.json"
    settings = {"sessions": 8, "seconds": 75.0, "chunk_s": 0.5}
    output.write_text(json.dumps(settings | {"alone": [run(1.0)], "p95": {}}))
    args = files.parse(["lag", "--output", str(output), "--more"])
    assert files.before_of(args, settings) == settings | {"alone": [run(1.0)]}
    with pytest.raises(SystemExit, match="other settings"):
        files.before_of(args, settings | {"chunk_s": 3.0})
    args.more = False
    assert files.before_of(args, settings) == settings


def test_more_without_an_earlier_file_is_refused(tmp_path):
    with pytest.raises(SystemExit):
        files.parse(["lag", "--more", "--output", str(tmp_path / "none.json")])
