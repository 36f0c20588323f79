from benchmarks.load.consultation import Told, faults
from benchmarks.load.failover import measure, parser, resumptions
from tests.support.redis import redis_or_skip


async def test_a_consultation_whose_server_is_killed_twice_equals_one_that_nobody_disturbed():
    redis_or_skip()
    result, differences = await measure(parser().parse_args(["--kills", "2", "--sessions", "1", "--speed", "12"]))
    assert result["kills"] == 2
    assert result["finals"] > 10
    assert result["judgements"] == 3 * result["rounds"]
    assert result["resumed_s"]["count"] > 0
    lost = ("finals_lost", "finals_doubled_or_other", "out_of_order", "findings_other", "judgements_other")
    names = (*lost, "events_doubled", "events_missing", "samples_lost")
    assert differences == dict.fromkeys(names, 0)


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


def test_only_sessions_of_the_server_that_was_killed_count_as_resumed():
    one, other = Told(resumed_at=[10.5, 21.0]), Told(resumed_at=[20.2])
    assert resumptions([10.0, 20.0], [one, other]) == {"count": 3, "longest": 1.0, "median": 0.5}
    assert resumptions([30.0], [one, other]) == {}
