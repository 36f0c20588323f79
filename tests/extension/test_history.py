"""What a panel is told that is opened later."""

import json
import shutil
import subprocess

from tests.support.tools import tool
from tools.pack_extension import EXTENSION, STATIC

RECALL = """
const { History } = await import(process.argv[2]);
const history = new History();
for (const event of JSON.parse(process.argv[3])) history.add(event);
console.log(JSON.stringify(history.events));
"""


def recalled(folder, *events):
    """The events that bring an empty panel up to date, after these."""
    for name in ("offscreen/history.js", "page/findings/offered.js", "page/transcript/standing.js"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(STATIC / name.removeprefix("page/") if name.startswith("page/") else EXTENSION / name, target)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "recall.js").write_text(RECALL)
    command = [tool("node"), folder / "recall.js", folder / "offscreen" / "history.js", json.dumps(events)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def notice(code, **more):
    return {"type": "notice", "code": code, **more}


def segment(text, *, final=True):
    said = {"id": "s1", "speaker": "patient", "text": text, "final": final}
    return {"type": "transcript", "segment": said}


def test_a_store_that_fell_behind_twice_and_caught_up_once_is_behind(tmp_path):
    behind, caught_up = notice("store_behind"), notice("store_caught_up")
    assert recalled(tmp_path, behind, caught_up) == []
    assert recalled(tmp_path, behind, caught_up, behind) == [behind]


def test_words_take_back_that_nobody_is_heard_and_a_final_that_the_sound_looks_wrong(tmp_path):
    silent, suspect = notice("no_speech", speaker="patient"), notice("audio_suspect")
    other = notice("no_speech", speaker="clinician")
    partial, final = segment("sore", final=False), segment("Sore throat.")
    assert recalled(tmp_path, silent, other, suspect, partial) == [partial, other, suspect]
    assert recalled(tmp_path, silent, other, suspect, partial, final) == [final, other]
    assert recalled(tmp_path, silent, segment("")) == [silent]


def test_an_edited_finding_comes_with_what_was_heard_before(tmp_path):
    def extraction(op, text, **more):
        return {"type": "extraction", "ops": [{"op": op, "finding": {"id": "f1", "text": text}, **more}]}

    edited = extraction("update", "sore throat", judgement={"what": "edited", "by": "dr-x"})
    (told,) = recalled(tmp_path, extraction("add", "sore boat"), edited)
    assert told["ops"] == [{"op": "add", "finding": {"id": "f1", "text": "sore boat"}}, *edited["ops"]]
    assert recalled(tmp_path, extraction("add", "sore boat"), extraction("retract", "sore boat")) == []


def test_what_was_said_and_not_noted_comes_without_what_was_added_since(tmp_path):
    def said(number):
        return {"id": f"o{number}", "evidence": [{"segment": "s1", "start": number, "end": number + 4}]}

    offered = {"type": "omissions", "items": [said(1), said(2)]}
    added = {"type": "extraction", "ops": [{"op": "add", "finding": {**said(1), "id": "f1"}}]}
    assert recalled(tmp_path, offered, added) == [added, {**offered, "items": [said(2)]}]
    assert recalled(tmp_path, added, offered) == [added, offered], "the server knows what it offers"
    left = {"type": "omissions", "items": []}
    assert recalled(tmp_path, offered, left) == [left]


def test_a_gap_comes_once_with_its_last_length_and_between_the_words(tmp_path):
    def gap(seconds):
        return {"type": "gap", "gap": {"at": 3, "seconds": seconds, "reason": "stalled"}}

    assert recalled(tmp_path, gap(4), segment("Sore throat."), gap(5)) == [segment("Sore throat."), gap(5)]
