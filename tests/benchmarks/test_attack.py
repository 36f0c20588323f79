"""The attacks: their judge on observations made by hand, and one attack on a real server without models."""

import io
import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.attack.aim import Aim
from benchmarks.attack.attacks.drawing import drawn
from benchmarks.attack.attacks.patterns import every_pattern, hostile
from benchmarks.attack.attacks.recordings import CONTAINERS, silence, truncated
from benchmarks.attack.attacks.talkers import _request, shaped, text_of
from benchmarks.attack.campaign import batches, chosen
from benchmarks.attack.catalogue import ATTACKS
from benchmarks.attack.judge import SHORT, STRICT, Memory, Observation, verdict
from benchmarks.attack.report import markdown
from benchmarks.attack.target import Setup, Target
from benchmarks.attack.witness import GoodSession
from server.media.reading import FORMATS, TooLong, read_pcm

ROOT = Path(__file__).parents[2]


def heard(lag_s: float = 0.2, live_ms: float = 5.0, **fields: object) -> GoodSession:
    """Four chunks, two finals, one stop."""
    found = GoodSession(
        sent=[float(at) for at in range(4)],
        done=[at + lag_s for at in range(4)],
        finals=[("s1", 0.0, 1.0, "chest pain"), ("s2", 1.0, 2.0, "no fever")],
        seqs=[1, 2, 3, 5],
        stopped={"reason": "client", "audio_s": 2.0},
        session_id="the-id",
        token="the-token",
        live_ms=[live_ms] * 10,
    )
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def seen(good: GoodSession | None = None, **fields: object) -> Observation:
    observation = Observation(heard(), good or heard(), Memory(500, 520, 510), log="started\n", alive=True)
    return replace(observation, **fields)


def test_a_server_that_held_has_no_faults():
    assert verdict(seen(), STRICT) == []
    assert verdict(seen(good=None), SHORT) == []


@pytest.mark.parametrize(
    ("observation", "said"),
    [
        (seen(heard(lag_s=0.6)), "lag p95 600 ms, idle 200 ms"),
        (seen(heard(live_ms=60.0)), "/health/live p99 60 ms"),
        (seen(heard(live_ms=5.0, unanswered=2)), "did not answer 2 times"),
        (seen(heard(done=[])), "nothing was transcribed"),
        (seen(heard(stopped=None, close_code=1006)), "the good session was lost: closed with 1006"),
        (seen(heard(stopped={"reason": "idle", "audio_s": 2.0})), "ended by the server: idle"),
        (seen(heard(stopped={"reason": "client", "audio_s": 1.5})), "1.5 s of the good session's 2.0 s"),
        (seen(heard(finals=[("s1", 0.0, 1.0, "chest pain")])), "1 finals are not the 2"),
        (seen(heard(seqs=[1, 2, 2, 3])), "twice or out of order"),
        (seen(heard(errors=["internal"])), "got errors: internal"),
        (seen(alive=False), "the server ended"),
        (seen(memory=Memory(500, 900, 510)), "memory rose from 500 to 900 MB"),
        (seen(memory=Memory(500, 520, 530)), "memory 530 MB 60 s after it"),
        (seen(log="x\n" * 100), "100 lines in the log"),
        (seen(log="Task exception was never retrieved\n"), "never retrieved"),
        (seen(log="GET /v1/sessions/the-id/record\n"), "1 marked words, ids or tokens"),
        (seen(log="heard: no fever\n"), "1 marked words, ids or tokens"),
        (seen(log="Qzxmarked\n", secrets=frozenset({"Qzxmarked"})), "1 marked words, ids or tokens"),
        (seen(faults=("a 500",)), "a 500"),
    ],
)
def test_each_bound_that_does_not_hold_is_a_fault_of_its_own(observation: Observation, said: str):
    faults = verdict(observation, STRICT)
    assert len(faults) == 1, faults
    assert said in faults[0]


def test_a_fault_repeats_no_secret():
    faults = verdict(seen(log="the-token Qzxmarked\n", secrets=frozenset({"Qzxmarked"})), STRICT)
    assert "the-token" not in str(faults)
    assert "Qzxmarked" not in str(faults)


def test_short_bounds_forgive_noise_and_no_blocked_loop():
    assert verdict(seen(heard(lag_s=0.6, live_ms=60.0)), SHORT) == []
    assert len(verdict(seen(heard(lag_s=3.0, live_ms=2900.0)), SHORT)) == 2


def test_an_error_that_an_attack_may_cause_is_allowed_once():
    allowed = frozenset({"extraction_unavailable"})
    assert verdict(seen(heard(errors=["extraction_unavailable"]), allowed=allowed), STRICT) == []
    assert verdict(seen(heard(errors=["extraction_unavailable"] * 2), allowed=allowed), STRICT)


def test_an_attack_that_stops_the_server_is_not_judged_by_time_and_one_that_ends_it_not_by_memory():
    assert verdict(seen(heard(lag_s=9.0), timed=False), STRICT) == []
    assert verdict(seen(alive=False, may_end=True, memory=Memory(500, 520, 0)), STRICT) == []


def test_every_attack_has_a_name_of_its_own_and_says_what_it_does():
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) > 40
    assert all(len(attack.does) > 30 for attack in ATTACKS)
    assert [attack.name for attack in chosen(ATTACKS, ["stall"])] == ["stall"]
    with pytest.raises(SystemExit, match="choose among"):
        chosen(ATTACKS, ["nothing"])


def test_the_worst_attacks_come_first_and_share_servers_in_batches():
    names = [attack.name for attack in ATTACKS]
    critical = ["big-first-message", "broken-extraction-merging", "drain", "stall", "forgotten-sessions"]
    assert max(map(names.index, critical)) < names.index("slow-request-line")
    parts = batches(ATTACKS, 5)
    assert sorted(attack.name for part in parts for attack in part) == sorted(names)
    assert parts[0][0].name == "big-first-message"
    for part in parts:
        assert len(part) <= 5
        assert len({attack.setup for attack in part}) == 1
        assert part[0].served or len(part) == 1


def test_the_same_seed_draws_the_same_messages_and_requests():
    first, second = ([text_of(value, random.Random(3)) for value in drawn(shaped, 20, 7)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 5
    assert _request(random.Random(5), "x", "h") == _request(random.Random(5), "x", "h")


def test_every_pattern_of_the_product_is_found_and_met_with_what_it_nearly_matches():
    patterns = every_pattern()
    assert len(patterns) > 100
    assert {place.partition(".")[0] for place, _ in patterns} == {"inference", "server"}
    texts = hostile(re.compile(r"ab+c"), 100, 1)
    assert any(text.startswith("ab") for text in texts)
    assert all(len(text) == 102 and text.endswith("\x00!") for text in texts)


def test_a_recording_of_a_kilobyte_holds_ten_minutes_of_silence_and_tells_its_length_or_does_not():
    told, untold = silence(600), silence(600, told=False)
    assert len(told) == len(untold) < 1200
    samples = sum(map(len, read_pcm(io.BytesIO(untold), 1, "it", most_s=60, formats=FORMATS))) // 2
    assert 590 < samples / 16_000 < 610
    with pytest.raises(TooLong):
        next(read_pcm(io.BytesIO(told), 1, "it", most_s=60, formats=FORMATS))


def test_each_container_is_cut_off_at_four_places():
    assert len(truncated()) == 4 * len(CONTAINERS)
    assert all(truncated().values())


async def test_words_in_the_memory_of_the_server_are_found_and_others_are_not():
    async with Target(Setup(staged=()), "fakes") as target:
        assert target.memory_mb() > 20
        assert target.held([b"start_session"]) == 1
        assert target.held([bytes(range(200, 240)) * 2]) == 0
        assert Aim(target.url, target.pid, 1.0, 1, 0).left_s > 0
    assert not target.alive


def test_an_attack_on_a_real_server_leaves_a_report_and_a_line_of_json(tmp_path: Path):
    output = tmp_path / "attack.json"
    command = [sys.executable, "-m", "benchmarks.attack", "--short", "--model", "fakes", "--seed", "1"]
    run = subprocess.run(
        [*command, "--only", "wide-and-deep-first-message", "--output", str(output)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    (row,) = result["attacks"]
    assert (row["attack"], row["held"], row["faults"]) == ("wide-and-deep-first-message", True, [])
    assert sum(count for code, count in row["codes"].items() if code.startswith(("1008", "1009"))) > 0
    assert json.loads(output.read_text()) == result
    assert output.with_suffix(".md").read_text() == markdown(result)
