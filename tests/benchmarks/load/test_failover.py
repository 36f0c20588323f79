from benchmarks.load.failover import Told, faults, measure, parser
from tests.support.redis import redis_or_skip


async def test_a_consultation_whose_server_is_killed_twice_equals_one_that_nobody_disturbed():
    redis_or_skip()
    result = await measure(parser().parse_args(["--kills", "2", "--sessions", "1", "--speed", "12"]))
    assert result["kills"] == 2
    assert result["finals"] > 10
    assert result["judgements"] == 3 * result["rounds"]
    lost = ("finals_lost", "finals_doubled_or_other", "out_of_order", "findings_other", "judgements_other")
    assert {name: result[name] for name in (*lost, "events_doubled", "samples_lost")} == dict.fromkeys(
        (*lost, "events_doubled", "samples_lost"), 0
    )


def test_what_is_lost_doubled_or_other_is_counted():
    def told(*texts: str, seqs: int = 9) -> Told:
        made = Told()
        for number, text in enumerate(texts):
            segment = {"id": f"s{number}", "start": 0, "end": 1, "text": text, "final": True}
            made.take({"type": "transcript", "seq": min(number, seqs), "segment": segment})
        made.take({"type": "session_stopped", "seq": 10, "audio_s": 2.0})
        return made

    found = faults(told("one", "two", "other", seqs=1), told("one", "two", "three", "four"))
    assert (found["finals_lost"], found["finals_doubled_or_other"], found["events_doubled"]) == (2, 1, 1)
    assert found["out_of_order"] == 1
    assert not any(faults(told("one"), told("one")).values())
