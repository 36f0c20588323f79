from benchmarks.load.consultation import DIFFERENCES, Told, faults, others
from benchmarks.load.failover import measure, parser, resumptions
from tests.support.redis import redis_or_skip


async def test_a_consultation_whose_server_is_killed_twice_equals_one_that_nobody_disturbed():
    redis_or_skip()
    result, differences = await measure(parser().parse_args(["--kills", "2", "--sessions", "1", "--speed", "12"]))
    assert result["kills"] == 2
    assert result["finals"] > 10
    assert result["judgements"] == 3 * result["rounds"]
    assert result["resumed_s"]["count"] > 0
    assert {"finals_lost", "finals_other_text", "findings_other", "samples_lost"} < set(differences)
    assert not any(differences.values())


def test_what_is_lost_doubled_or_other_is_counted():
    def told(*texts: str, seqs: int = 9) -> Told:
        made = Told()
        for number, text in enumerate(texts, 1):
            segment = {"id": f"s{number}", "start": 0, "end": 1, "text": text, "final": True}
            made.take({"type": "transcript", "seq": min(number, seqs), "segment": segment})
        made.take({"type": "session_stopped", "seq": len(texts) + 1, "audio_s": 2.0})
        return made

    found = faults(told("one", "two", "other", seqs=2), told("one", "two", "three", "four"))
    assert (found["finals_lost"], found["finals_doubled_or_other"]) == (2, 1)
    assert (found["events_doubled"], found["events_missing"]) == (1, 1)
    assert found["out_of_order"] == 1
    assert not any(faults(told("one"), told("one")).values())


def test_how_a_final_differs_is_told_by_its_seconds_and_without_its_words():
    def told(end: float, text: str, *words: dict[str, object]) -> Told:
        made = Told()
        segment = {"id": "s1", "start": 2.5, "end": end, "text": text, "words": list(words), "final": True}
        made.take({"type": "transcript", "seq": 1, "segment": segment})
        made.take({"type": "session_stopped", "seq": 2, "audio_s": 9.0})
        return made

    undisturbed = told(4.0, "chest pain", {"text": "chest"}, {"text": "pain"})
    assert others(told(4.0, "chest pain", {"text": "chest"}, {"text": "pain"}), undisturbed) == []
    shown = {
        "2.50-4.00 s (times)": told(4.5, "chest pain", {"text": "chest"}, {"text": "pain"}),
        "2.50-4.00 s (text)": told(4.0, "chest pains", {"text": "chest"}, {"text": "pains"}),
        "2.50-4.00 s (words)": told(4.0, "chest pain", {"text": "chest", "end": 3.1}, {"text": "pain"}),
        "2.50-4.00 s (probabilities)": told(4.0, "chest pain", {"text": "chest", "probability": 0.5}, {"text": "pain"}),
        "2.50-4.00 s (times, text)": told(3.0, "chest", {"text": "chest"}),
    }
    for line, one in shown.items():
        assert list(map(str, others(one, undisturbed))) == [line]
        counts = {name: n for name, n in faults(one, undisturbed).items() if name.startswith("finals_other_") and n}
        assert counts == {f"finals_other_{kind}": 1 for kind in DIFFERENCES if kind in line}


def test_only_sessions_of_the_server_that_was_killed_count_as_resumed():
    one, other = Told(resumed_at=[10.5, 21.0]), Told(resumed_at=[20.2])
    assert resumptions([10.0, 20.0], [one, other]) == {"count": 3, "longest": 1.0, "median": 0.5}
    assert resumptions([30.0], [one, other]) == {}
