"""The one fold of events, which the terminal shows and the record is drawn from."""

from server.record.fold import EventFold

FINAL = {"id": "s1", "speaker": "patient", "start": 0.5, "end": 2.0, "text": "my knee hurts", "final": True}
PARTIAL = {**FINAL, "text": "my knee", "final": False}
FINDING = {"id": "f1", "kind": "symptom", "text": "knee pain"}


def folded(*events: dict) -> EventFold:
    fold = EventFold()
    for event in events:
        fold.apply(event)
    return fold


def transcript(segment: dict) -> dict:
    return {"type": "transcript", "segment": segment}


def extraction(op: str, finding: dict = FINDING) -> dict:
    return {"type": "extraction", "ops": [{"op": op, "finding": finding}]}


def notice(code: str, speaker: str = "") -> dict:
    return {"type": "notice", "code": code, "speaker": speaker, "message": f"{code} of {speaker or 'all'}"}


def test_a_partial_stands_until_its_final_and_an_empty_final_takes_it_back():
    assert folded(transcript(PARTIAL)).partials == {"s1": PARTIAL}
    fold = folded(transcript(PARTIAL), transcript(FINAL))
    assert (fold.partials, fold.finals) == ({}, [FINAL])
    fold = folded(transcript(PARTIAL), transcript({**FINAL, "text": ""}))
    assert (fold.partials, fold.finals) == ({}, [])


def test_an_update_replaces_a_finding_where_it_stands_and_a_retraction_removes_it():
    other, changed = {**FINDING, "id": "f2"}, {**FINDING, "text": "pain in the left knee"}
    fold = folded(extraction("add"), extraction("add", other), extraction("update", changed))
    assert list(fold.findings.values()) == [changed, other]
    fold.apply(extraction("retract"))
    assert fold.findings == {"f2": other}


def test_words_take_back_that_this_speaker_is_not_heard_and_a_final_that_the_sound_looks_wrong():
    told = [notice("no_speech"), notice("no_speech", "patient"), notice("no_speech", "clinician")]
    fold = folded(*told, notice("audio_suspect"), transcript(PARTIAL))
    assert set(fold.notices) == {("no_speech", "clinician"), ("audio_suspect", "")}
    fold.apply(transcript(FINAL))
    assert set(fold.notices) == {("no_speech", "clinician")}


def test_progress_tells_the_lag_and_the_transcribed_audio_and_the_end_what_was_received():
    fold = folded(
        {"type": "session_started", "seq": 1, "models": {"asr": "base"}},
        {"type": "progress", "seq": 2, "lag_ms": 120.0, "transcribed_s": 3.0},
    )
    assert (fold.seq, fold.models, fold.lag_ms, fold.audio_s, fold.stopped) == (2, {"asr": "base"}, 120.0, 3.0, None)
    for event in (transcript(PARTIAL), notice("no_speech", "clinician")):
        fold.apply(event)
    fold.apply(stopped := {"type": "session_stopped", "seq": 5, "audio_s": 4.5})
    assert (fold.seq, fold.audio_s, fold.stopped, fold.partials, fold.notices) == (5, 4.5, stopped, {}, {})


def test_a_server_that_names_no_models_is_followed():
    assert folded({"type": "session_started", "seq": 1}).models == {}
