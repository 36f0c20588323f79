"""Every scenario, in the order in which they run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.chaos.lab import Lab
from benchmarks.chaos.outcome import Outcome
from benchmarks.chaos.scenarios import clock, disconnects, disk, floods, kills, model_kills, network, soak


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    run: Callable[[Lab], Awaitable[Outcome]]
    needs_redis: bool = False
    needs_vllm: bool = False
    """It is run only where --vllm names one."""

    @property
    def does(self) -> str:
        """The first sentence of its docstring."""
        return " ".join((self.run.__doc__ or "").split())


SCENARIOS = (
    Scenario("disconnects", disconnects.disconnects),
    Scenario("gateway-kills", kills.gateways, needs_redis=True),
    Scenario("redis-kills", kills.redis, needs_redis=True),
    Scenario("model-server-kills", model_kills.own),
    Scenario("vllm-kills", model_kills.vllm, needs_vllm=True),
    Scenario("network", network.network),
    Scenario("frames", floods.frames),
    Scenario("clock", clock.clock, needs_redis=True),
    Scenario("disk", disk.disk, needs_redis=True),
    Scenario("soak", soak.soak),
)
