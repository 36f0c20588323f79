"""What the icon shows: REC only while everybody is heard and the server has it."""

import json
import shutil
import subprocess

import pytest

from tests.support.tools import tool
from tools.pack_extension import EXTENSION

TELL = """
import { badgeOf, signOf } from "./badge.js";
console.log(JSON.stringify(JSON.parse(process.argv[2]).map((state) => badgeOf(signOf(state)).text)));
"""


@pytest.mark.parametrize(
    ("phase", "connection", "troubles", "shown"),
    [
        ("listening", "open", {}, "REC"),
        ("listening", "reconnecting", {}, "!"),
        ("listening", "refused", {"key": "It has run out."}, "!"),
        ("listening", "open", {"tab": "It was closed."}, "!"),
        ("listening", "open", {"microphone": "It was unplugged."}, "!"),
        ("paused", "open", {}, "II"),
        ("paused", "open", {"microphone": "It was unplugged."}, "!"),
        ("checking", "open", {}, "…"),
        ("checking", "refused", {"key": "It has run out."}, "!"),
        ("finishing", "open", {}, "…"),
        ("finishing", "reconnecting", {}, "!"),
        ("starting", "connecting", {}, ""),
        ("ended", "idle", {}, ""),
        ("ended", "idle", {"server": "It does not answer any more."}, "!"),
        ("erased", "idle", {"server": "Everything is erased."}, ""),
        ("failed", "idle", {}, ""),
    ],
)
def test_the_icon_promises_a_recording_only_while_nothing_is_wrong(tmp_path, phase, connection, troubles, shown):
    shutil.copy(EXTENSION / "badge.js", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "tell.js").write_text(TELL)
    state = {"phase": phase, "connection": connection, "troubles": troubles}
    told = subprocess.run(
        [tool("node"), tmp_path / "tell.js", json.dumps([state])], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert json.loads(told.stdout) == [shown]
