"""Who begins a TLS handshake when; the clock is the test's."""

import asyncio

import pytest

from server.socket.turns import Turns


class Case:
    def __init__(self) -> None:
        self.now = 0.0
        self.turns = Turns(10.0, 2, lambda: self.now)
        self.done: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, *names: str) -> None:
        """Connections NAME from the address that its first letter is."""
        for name in names:
            self.tasks.append(asyncio.create_task(self._take(name)))
            await asyncio.sleep(0)

    async def _take(self, name: str) -> None:
        await self.turns.take(name[0])
        self.done.append(name)

    async def after(self, seconds: float) -> list[str]:
        """Who had a turn since, when the timer has looked."""
        before, self.now = len(self.done), self.now + seconds
        self.turns._give()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.done[before:]


@pytest.fixture
async def case():
    made = Case()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    if made.turns._timer is not None:
        made.turns._timer.cancel()


async def test_as_many_as_fit_begin_at_once_and_the_others_when_there_is_time(case):
    await case.come("a1", "a2", "a3", "a4")
    assert case.done == ["a1", "a2"]
    assert await case.after(0.05) == []
    assert await case.after(0.05) == ["a3"]
    assert len(case.turns) == 1
    assert await case.after(5.0) == ["a4"]
    await case.come("a5")
    assert case.done[-1] == "a5"


async def test_addresses_take_turns_so_a_client_does_not_wait_for_all_connections_of_a_flood(case):
    await case.come("a1", "a2", *(f"a{number}" for number in range(3, 20)), "b1", "c1")
    assert await case.after(0.1) == ["a3"]
    assert await case.after(0.1) == ["b1"]
    assert await case.after(0.1) == ["c1"]
    assert await case.after(0.1) == ["a4"]


async def test_who_has_gone_costs_no_turn(case):
    await case.come("a1", "a2", "b1", "c1")
    case.tasks[2].cancel()
    await asyncio.sleep(0)
    assert await case.after(0.1) == ["c1"]
    assert len(case.turns) == 0


async def test_the_timer_gives_the_turns_by_itself():
    turns = Turns(1000.0, 1)
    async with asyncio.timeout(10):
        await asyncio.gather(*(turns.take("a") for _ in range(5)))
    assert len(turns) == 0
