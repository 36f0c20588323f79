"""The vocabularies of sessions: one at a time, with rests, and shared while sessions have equal names."""

import asyncio
import gc
import threading

import pytest

from inference.terms import vocabularies
from inference.terms.vocabularies import Vocabularies
from inference.terms.vocabulary import Term, Vocabulary
from inference.transcript import Word


async def test_sessions_with_equal_names_share_a_vocabulary_and_nothing_is_kept_when_none_has_it():
    made = Vocabularies()
    first = await made.make(["Oyelaran", "Zelnorm"], None)
    assert await made.make(("Oyelaran", "Zelnorm"), None) is first
    other = await made.make(["Oyelaran"], None)
    assert other is not first
    assert len(made._made) == 2
    del first, other
    await asyncio.to_thread(made._thread.submit(gc.collect).result)  # the thread has let go of what it made last
    assert not made._made


async def test_a_vocabulary_has_the_names_of_its_session_and_of_the_site():
    both = await Vocabularies().make(["Oyelaran"], Vocabulary([Term("Zelnorm")]))
    heard = [
        Word(word, i * 0.5, i * 0.5 + 0.4, 0.8) for i, word in enumerate(["Zell", "Norm", "for", "oh", "yell", "Aaron"])
    ]
    assert {candidate.term for candidate in both.candidates(heard)} == {"Zelnorm", "Oyelaran"}


async def test_vocabularies_are_made_one_at_a_time_even_if_a_session_ends_meanwhile(monkeypatch):
    entered, go_on, at_work, begun = threading.Event(), threading.Event(), threading.Lock(), []

    def slow(terms, site):
        assert at_work.acquire(blocking=False)
        begun.append([term.text for term in terms])
        entered.set()
        assert go_on.wait(60)
        at_work.release()
        return Vocabulary([], site)

    monkeypatch.setattr(vocabularies, "Vocabulary", slow)
    made = Vocabularies()
    first, second, third = (asyncio.create_task(made.make([name], None)) for name in ("Oye", "Zel", "Kirk"))
    await asyncio.to_thread(entered.wait)
    first.cancel()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go_on.set()
    await third
    assert begun == [["Oye"], ["Kirk"]]  # the second one ended before its turn


async def test_the_thread_rests_three_quarters_of_the_time(monkeypatch):
    clock, rests = 0.0, []

    def work(terms, site):
        nonlocal clock
        for _ in terms:
            clock += 1 / 1024
        return Vocabulary([], site)

    monkeypatch.setattr(vocabularies, "Vocabulary", work)
    monkeypatch.setattr(vocabularies, "WORK_S", 4 / 1024)
    monkeypatch.setattr(vocabularies.time, "thread_time", lambda: clock)
    monkeypatch.setattr(vocabularies.time, "sleep", rests.append)
    await Vocabularies().make([f"name {number}" for number in range(100)], None)
    assert rests == [3 * 4 / 1024] * 25
