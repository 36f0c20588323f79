"""The benchmark of the switch interval, shortened: its rounds are in turn and its figures are plausible."""

import json
import sys

import pytest

from benchmarks.load import switch_interval


@pytest.fixture(autouse=True)
def _as_before():
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def test_each_interval_is_measured_twice_in_turn_and_the_last_line_is_json(monkeypatch, capsys):
    monkeypatch.setattr(switch_interval, "WAKE_UPS", 3)
    monkeypatch.setattr(switch_interval, "COUNTING_S", 0.02)
    monkeypatch.setattr(sys, "argv", ["switch_interval", "--threads", "1", "--intervals", "0.002", "0.0005"])
    switch_interval.main()
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [round_["interval_s"] for round_ in result["rounds"]] == [0.002, 0.0005, 0.002, 0.0005]
    for round_ in result["rounds"]:
        assert round_["million_steps_s"] > 0
        for kind in ("sleep_ms", "hop_ms"):
            assert round_[kind]["p50"] <= round_[kind]["p95"] <= round_[kind]["max"]
