"""Old names of modules: each leads to a name that exists."""

import importlib
import sys
from pathlib import Path

import pytest

from inference import moved
from inference.moved import MOVED

ROOT = Path(__file__).parents[2]


def exists(name: str) -> bool:
    """Whether there is such a module, or such a name in one; imported only where nothing else can tell."""
    path = ROOT.joinpath(*name.split("."))
    if path.with_suffix(".py").exists() or (path / "__init__.py").exists():
        return True
    module, _, attribute = name.rpartition(".")
    held = path.parent.with_suffix(".py").exists() or (path.parent / "__init__.py").exists()
    return held and hasattr(importlib.import_module(module), attribute)


def test_every_new_name_exists_and_no_old_one_does():
    assert [new for new in MOVED.values() if not exists(new)] == []
    assert [old for old in MOVED if ROOT.joinpath(*old.split(".")).with_suffix(".py").exists()] == []
    assert len(MOVED) > 100


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("import server.client", "server.client has moved: it is drtranscribe now"),
        ("from server.client import Consultation", "server.client has moved: it is drtranscribe now"),
        ("from server import outbox", "server.outbox has moved: it is drtranscribe.outbox now"),
        ("import inference.vad", "inference.vad has moved: it is inference.audio.vad now"),
        (
            "from inference.audio import AudioFormat",
            "AudioFormat has moved: it is inference.audio.decoding.AudioFormat now",
        ),
    ],
)
def test_an_import_of_an_old_name_says_the_new_one(statement, told, monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if "__editable__" not in str(finder)])
    with pytest.raises(ImportError, match=told):
        exec(statement)


def test_a_name_that_never_was_fails_as_ever():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'inference\.nothing'"):
        importlib.import_module("inference.nothing")


def test_the_explanation_is_set_up_once():
    before = list(sys.meta_path)
    moved.explain()
    assert sys.meta_path == before
