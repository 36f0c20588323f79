"""How a run is put together, judged and told."""

import argparse
import json

import pytest

from benchmarks.chaos import command
from benchmarks.chaos.catalogue import SCENARIOS, Scenario
from benchmarks.chaos.outcome import Outcome
from benchmarks.chaos.report import markdown
from benchmarks.chaos.scenarios.soak import Moment, slope
from benchmarks.load.consultation import Told

ARGUMENTS = argparse.Namespace(model="fakes", short=True, vllm=None, lanes=1)


def consultation(*texts: str, audio_s: float = 2.0) -> Told:
    told = Told()
    for number, text in enumerate(texts, 1):
        segment = {"id": f"s{number}", "start": 0, "end": 1, "text": text, "final": True}
        told.take({"type": "transcript", "seq": number, "segment": segment})
    told.take({"type": "session_stopped", "seq": len(texts) + 1, "audio_s": audio_s})
    return told


def test_equal_consultations_are_no_fault_and_are_counted():
    outcome = Outcome()
    outcome.same("one", consultation("chest pain"), consultation("chest pain"))
    outcome.same("two", consultation("no fever", "cough"), consultation("no fever", "cough"))
    assert outcome.faults == []
    assert (outcome.figures["finals"], outcome.figures["finals_lost"], outcome.figures["samples_lost"]) == (3, 0, 0)


def test_what_is_lost_doubled_or_other_is_a_fault_that_repeats_no_word():
    outcome = Outcome()
    outcome.same("one", consultation("chest pain", audio_s=1.5), consultation("chest pain", "no fever"))
    assert outcome.faults == [
        "one: 1 finals lost",
        "one: 1 out of order",
        "one: 8000 samples lost",
    ]
    assert not any(word in json.dumps(outcome.faults) for word in ("chest", "fever"))


def test_where_a_final_differs_stands_in_the_figures_without_its_words():
    outcome = Outcome()
    outcome.same("one", consultation("chest pain", "no fever"), consultation("chest pain", "new fever"))
    assert outcome.figures["finals_other_text"] == 1
    assert outcome.figures["finals_other_at"] == ["one: 0.00-1.00 s (text)"]
    outcome.same("two", consultation("cough"), consultation("cough"))
    assert len(outcome.figures["finals_other_at"]) == 1


def test_a_consultation_without_its_end_is_a_fault():
    outcome = Outcome()
    outcome.same("one", Told(), consultation("chest pain"))
    assert outcome.faults == ["one: the consultation did not come to its end"]


async def held(lab) -> Outcome:
    """Nothing."""
    return Outcome(figures={"folder_is_empty": not any(lab.folder.iterdir()), "finals_lost": 0})


async def broken(lab) -> Outcome:
    """Raises."""
    raise OSError("no such device")


async def test_a_scenario_that_fails_by_itself_has_not_held():
    row = await command.row(Scenario("held", held), ARGUMENTS, 1)
    assert (row["held"], row["figures"]["folder_is_empty"], row["does"]) == (True, True, "Nothing.")
    row = await command.row(Scenario("broken", broken), ARGUMENTS, 1)
    assert (row["held"], row["faults"]) == (False, ["the scenario itself failed: OSError: no such device"])


async def test_a_scenario_without_redis_says_what_to_install(monkeypatch):
    monkeypatch.setattr(command, "installed", lambda: False)
    row = await command.row(Scenario("held", held, needs_redis=True), ARGUMENTS, 1)
    assert row["faults"] == ["there is no redis-server: apt install redis-server"]


def test_scenarios_that_are_run_alone_replace_their_part_of_a_result(tmp_path):
    output = tmp_path / "chaos.json"
    earlier = [{"scenario": "soak", "run": 1}, {"scenario": "disk", "run": 1}]
    output.write_text(json.dumps({"scenarios": earlier}))
    fresh = [{"scenario": "disk", "run": 2}]
    assert command.kept(output, fresh, whole=False) == [{"scenario": "disk", "run": 2}, {"scenario": "soak", "run": 1}]
    assert command.kept(output, fresh, whole=True) == fresh
    assert command.kept(tmp_path / "none.json", fresh, whole=False) == fresh


def test_an_unknown_scenario_is_refused_with_the_names():
    assert [scenario.name for scenario in command.chosen(["disk"])] == ["disk"]
    with pytest.raises(SystemExit, match="choose among disconnects"):
        command.chosen(["disc"])


def test_a_real_vllm_is_killed_only_where_it_is_named(tmp_path):
    without, named = command.chosen([]), command.chosen([], tmp_path)
    assert {scenario.name for scenario in named} - {scenario.name for scenario in without} == {"vllm-kills"}
    with pytest.raises(SystemExit, match="with --vllm"):
        command.chosen(["vllm-kills"])


def test_every_scenario_says_what_it_does():
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert all(len(scenario.does) > 20 for scenario in SCENARIOS)


async def test_the_report_shows_what_held_what_failed_and_every_figure():
    rows = [await command.row(Scenario(run.__name__, run), ARGUMENTS, 7) for run in (held, broken)]
    machine = {"cpu": "x", "cores": 2, "memory_gb": 8, "python": "3.11", "packages": {"aiohttp": "3"}}
    text = markdown({"machine": machine, "scenarios": rows})
    assert "1 of 2 scenarios held; 2 of them were run in their short form." in text
    assert "- **broken**: the scenario itself failed: OSError: no such device" in text
    assert "- folder is empty: True" in text
    assert text.count("fakes, short") == 2


def test_the_slope_leaves_out_the_beginning():
    moments = [Moment(hours / 10, 500.0 if hours < 2 else 100.0 + hours, 10.0, 20.0) for hours in range(11)]
    assert slope(moments, "memory_mb") == 10.0
    assert slope(moments, "tasks") == 0.0
    assert slope(moments[:1], "tasks") == 0.0
