"""The smoke test's parent: what a step that hangs or dies costs the others. `.ci/run` runs the steps themselves."""

import argparse
import json
import sys

import pytest

from benchmarks.gpu.smoke.__main__ import Smoke
from benchmarks.gpu.smoke.steps import STEPS, Step

CHILD = """
import os, sys, time
print("READY", flush=True)
for line in sys.stdin:
    name = line.strip()
    if name == "dies":
        print("sticky error", flush=True)
        os._exit(134)
    if name == "hangs":
        print('PART {"rows": [1]}', flush=True)
        time.sleep(60)
    print("FAILED no memory" if name == "fails" else 'DONE {"ok": 1}', flush=True)
"""


def test_a_step_that_dies_hangs_or_fails_loses_nothing_but_itself(tmp_path, monkeypatch):
    (tmp_path / "child.py").write_text(CHILD)
    monkeypatch.setattr(Smoke, "command", lambda self: [sys.executable, str(tmp_path / "child.py")])
    output = tmp_path / "smoke.json"
    smoke = Smoke(argparse.Namespace(output=output, short=False, tiny_en=None), tmp_path)
    limits = {"a": 30, "dies": 30, "b": 30, "hangs": 2, "c": 30, "fails": 30, "d": 30}
    try:
        smoke.run([Step(name, "nowhere:none", limit) for name, limit in limits.items()])
    finally:
        smoke.end()
    found = json.loads(output.read_text())
    assert found["steps"] == {key: {"ok": 1} for key in "abcd"} | {"hangs": {"rows": [1]}}
    assert found["failed"] == {
        "dies": "its process ended with 134: sticky error",
        "hangs": "took longer than 2 s",
        "fails": "no memory",
    }


def test_every_step_has_a_name_of_its_own():
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)
    assert names[0] == "host"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_is_there(step):
    from importlib import import_module

    module, _, function = step.where.partition(":")
    assert callable(getattr(import_module(f"benchmarks.gpu.smoke.{module}"), function))
