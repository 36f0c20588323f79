"""The comparison of a session with a flood beside it and without one: one short round against a real server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.attack.beside import lags_ms
from benchmarks.attack.witness import GoodSession

ROOT = Path(__file__).parents[2]


def test_a_lag_is_from_sending_a_chunk_to_its_own_progress():
    assert lags_ms(GoodSession(sent=[1.0, 2.0, 3.0], done=[1.25, 2.5])) == [250.0, 500.0]


@pytest.mark.parametrize("flood", ["keys", "tls"])
def test_a_flood_beside_a_session_is_refused_and_the_session_heard(flood, tmp_path):
    output = tmp_path / "beside.json"
    flags = f"--flood {flood} --model fakes --rounds 1 --seconds 1 --output {output}"
    command = [sys.executable, "-m", "benchmarks.attack.beside", *flags.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == json.loads(output.read_text())
    assert result["chunks"] == {"without": 2, "elsewhere": 2, "with": 2}
    for kind in ("elsewhere", "with"):
        (flooded,) = result["rounds"][kind]
        assert flooded["figures"]["attempts"] > 20
        assert flooded["faults"] == []
    assert "101" not in result["rounds"]["elsewhere"][0]["codes"]
    assert result["attempts_per_s"] > 20
    assert result["medians_of_rounds_ms"]["with"]["p50"] > 0
