from server.compat.deepgram.query import Asked
from server.compat.deepgram.results import Results

WORDS = [
    {"text": "Take", "start": 1.0, "end": 1.2, "probability": 0.9},
    {"text": "warfarin.", "start": 1.2, "end": 1.8, "probability": 0.7},
]


def heard(id_, text, start=1.0, end=2.0, final=True, speaker="unknown", words=(), **more):
    segment = {"id": id_, "speaker": speaker, "start": start, "end": end, "text": text, "final": final, **more}
    return {"type": "transcript", "segment": segment | ({"words": list(words)} if words else {})}


def progress(transcribed_s):
    return {"type": "progress", "transcribed_s": transcribed_s}


def results(**asked):
    made = Results(Asked(16_000, **asked), "id-1")
    started = {"type": "session_started", "models": {"asr": "tiny.en"}, "consent": {"given_at": "2026-01-02T03:04:05"}}
    assert made.messages(started) == []
    return made


def test_a_final_becomes_a_result_with_its_words():
    assert results().messages(heard("s1", "Take warfarin.", words=WORDS)) == [
        {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": 1.0,
            "start": 1.0,
            "is_final": True,
            "speech_final": True,
            "from_finalize": False,
            "channel": {
                "alternatives": [
                    {
                        "transcript": "Take warfarin.",
                        "confidence": 0.8,
                        "words": [
                            {"word": "take", "start": 1.0, "end": 1.2, "confidence": 0.9, "punctuated_word": "Take"},
                            {
                                "word": "warfarin",
                                "start": 1.2,
                                "end": 1.8,
                                "confidence": 0.7,
                                "punctuated_word": "warfarin.",
                            },
                        ],
                    }
                ]
            },
            "metadata": {
                "request_id": "id-1",
                "model_info": {"name": "tiny.en", "version": "", "arch": "whisper"},
                "model_uuid": "",
            },
        }
    ]


def test_partials_are_results_only_where_interim_results_are_asked_for():
    partial = heard("s1", "Take", final=False)
    assert results().messages(partial) == []
    (told,) = results(interim_results=True).messages(partial)
    assert (told["is_final"], told["speech_final"]) == (False, False)
    assert told["channel"]["alternatives"][0] == {"transcript": "Take", "confidence": 0.0, "words": []}


def test_a_final_without_text_takes_a_partial_back_that_was_told():
    taken_back = heard("s1", "")
    assert results().messages(taken_back) == []
    (told,) = results(interim_results=True).messages(taken_back)
    assert (told["is_final"], told["channel"]["alternatives"][0]["transcript"]) == (True, "")


def test_the_speakers_of_two_channels_have_an_index_each():
    made = results(channels=2, multichannel=True)
    for speaker, index in {"clinician": [0, 2], "patient": [1, 2]}.items():
        (told,) = made.messages(heard("x1", "Yes.", speaker=speaker))
        assert told["channel_index"] == index


def test_a_final_that_the_speaker_goes_on_after_is_no_speech_final():
    final = heard("s1", "I have had this pain", end=2.0)
    rest = heard("s2", "since Monday", start=2.0, final=False)
    elsewhere = heard("p1", "Yes", start=2.0, speaker="patient", final=False)
    made = results()
    (told,) = made.messages(final, [progress(2.0), elsewhere, rest])
    assert (told["is_final"], told["speech_final"]) == (True, False)
    for later in ([], [progress(3.0)], [heard("s2", "Next", start=2.5, final=False)], [elsewhere]):
        (told,) = made.messages(final, later)
        assert told["speech_final"] is True


def test_the_newest_final_before_the_answer_to_a_finalize_is_the_one_that_says_so():
    made = results()
    made.finalize()
    assert made.messages(heard("s1", "First.")) == []
    (first,) = made.messages(heard("s2", "Second.", start=2.5, end=3.0))
    (second,) = made.messages({"type": "marker", "id": 0})
    for told, text, from_finalize in ((first, "First.", False), (second, "Second.", True)):
        assert told["channel"]["alternatives"][0]["transcript"] == text
        assert (told["from_finalize"], told["is_final"]) == (from_finalize, True)
    (after,) = made.messages(heard("s3", "Third.", start=4.0, end=5.0))
    assert after["from_finalize"] is False


def test_each_channel_has_a_result_of_its_own_from_a_finalize():
    made = results(channels=2, multichannel=True)
    made.finalize()
    assert made.messages(heard("c1", "Yes.", speaker="clinician")) == []
    assert made.messages(heard("p1", "No.", speaker="patient")) == []
    told = made.messages({"type": "marker", "id": 0})
    assert [(each["channel_index"], each["from_finalize"]) for each in told] == [([0, 2], True), ([1, 2], True)]


def test_a_finalize_that_finds_nothing_to_finish_is_answered_all_the_same():
    made = results(channels=2, multichannel=True)
    made.finalize()
    told = made.messages({"type": "marker", "id": 0})
    assert [each["channel_index"] for each in told] == [[0, 2], [1, 2]]
    assert all(each["from_finalize"] and not each["channel"]["alternatives"][0]["transcript"] for each in told)


def test_of_two_finalizes_the_later_answer_ends_the_wait():
    made = results()
    made.finalize()
    made.finalize()
    assert made.messages(heard("s1", "One.")) == []
    assert made.messages({"type": "marker", "id": 0}) == []
    (told,) = made.messages({"type": "marker", "id": 0})
    assert told["from_finalize"] is True


def test_a_final_that_waits_for_a_finalize_is_not_lost_at_the_end():
    made = results()
    made.finalize()
    assert made.messages(heard("s1", "One.")) == []
    (told,) = made.messages({"type": "session_stopped", "audio_s": 3.5})
    assert told["channel"]["alternatives"][0]["transcript"] == "One."
    assert made.metadata("ab")["duration"] == 3.5


def test_speech_started_comes_once_before_the_first_words_after_a_pause():
    made = results(vad_events=True, interim_results=True)
    types = [told["type"] for told in made.messages(heard("s1", "Take", final=False))]
    assert types == ["SpeechStarted", "Results"]
    assert [told["type"] for told in made.messages(heard("s1", "Take this", final=False))] == ["Results"]
    rest = heard("s2", "and that", start=2.0, final=False)
    assert [told["type"] for told in made.messages(heard("s1", "Take this"), [rest])] == ["Results"]
    assert [told["type"] for told in made.messages(rest)] == ["Results"]
    assert [told["type"] for told in made.messages(heard("s2", "and that.", start=2.0, end=3.0))] == ["Results"]
    first, _ = made.messages(heard("s3", "Why?", start=5.0, end=6.0))
    assert first == {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 5.0}


def test_an_utterance_ends_once_when_nobody_has_said_a_word_for_long_enough():
    made = results(interim_results=True, utterance_end_s=1.0)
    made.messages(heard("s1", "Take warfarin.", words=WORDS))
    assert made.messages(progress(2.7)) == []
    assert made.messages(progress(2.9)) == [{"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.8}]
    assert made.messages(progress(9.0)) == []


def test_an_utterance_does_not_end_while_more_is_said():
    made = results(interim_results=True, utterance_end_s=1.0)
    made.messages(heard("s1", "Take", end=2.0))
    made.messages(heard("s2", "this", start=2.5, final=False))
    assert made.messages(progress(9.0)) == []


def test_a_late_utterance_end_comes_before_the_next_words():
    made = results(interim_results=True, utterance_end_s=1.0)
    made.messages(heard("s1", "Take this.", end=2.0))
    types = [told["type"] for told in made.messages(heard("s2", "Why?", start=4.0, final=False))]
    assert types == ["UtteranceEnd", "Results"]


def test_faults_are_told_and_notices_for_which_there_is_no_message_are_not():
    made = results()
    (fault,) = made.messages({"type": "error", "code": "asr_failed", "message": "1 s to 2 s are missing"})
    assert (fault["type"], fault["err_code"], fault["err_msg"]) == ("Error", "asr_failed", "1 s to 2 s are missing")
    assert made.messages({"type": "notice", "code": "no_speech", "message": "nobody is heard"}) == []


def test_the_language_of_a_result_is_named_where_it_is_another_one():
    (told,) = results().messages(heard("s1", "Hola.", language="es"))
    assert told["channel"]["alternatives"][0]["languages"] == ["es"]


def test_the_last_message_sums_the_stream_up():
    made = results(channels=2, multichannel=True)
    made.messages({"type": "session_stopped", "audio_s": 12.25})
    assert made.metadata("ab") == {
        "type": "Metadata",
        "transaction_key": "deprecated",
        "request_id": "id-1",
        "sha256": "ab",
        "created": "2026-01-02T03:04:05",
        "duration": 12.25,
        "channels": 2,
        "models": ["tiny.en"],
    }
